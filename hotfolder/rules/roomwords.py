"""Everyday words for rooms in five languages: one table, from which `rooms.py` reads a room's name."""

from __future__ import annotations

from collections.abc import Mapping

from hotfolder.stager.operations import RoomType

ENGLISH: Mapping[RoomType, str] = {
    RoomType.LIVING_ROOM: (
        "living room, living, living area, lounge, lounge room, sitting room, sitting area, family room, "
        "great room, front room, drawing room, parlor, parlour, den, snug, reception room, sunroom, sun "
        "room, conservatory"
    ),
    RoomType.DINING_ROOM: "dining room, dining, dining area, dinette, breakfast room, breakfast nook",
    RoomType.BEDROOM: (
        "bedroom, bed room, bedrooms, master, master bedroom, master suite, main bedroom, primary "
        "bedroom, primary suite, guest room, guest bedroom, guest suite, spare room, spare bedroom, "
        "sleeping room, br"
    ),
    RoomType.KITCHEN: "kitchen, kitchens, kitchenette, galley, pantry, scullery",
    RoomType.KITCHEN_LIVING_AREA: (
        "kitchen living area, kitchen living, kitchen living room, living kitchen, living room kitchen, "
        "open kitchen, open plan kitchen, open plan, open plan living, open concept, kitchen dining, "
        "kitchen dining room, kitchen diner, kitchen family room, eat in kitchen"
    ),
    RoomType.HOME_OFFICE: "home office, office, study, study room, workroom, work room, library",
    RoomType.TERRACE: "terrace, roof terrace, rooftop, patio, deck, decking, veranda, verandah, lanai",
    RoomType.BALCONY: "balcony, balconies, juliet balcony, loggia",
    RoomType.BATHROOM: (
        "bathroom, bath room, bath, bathrooms, master bath, master bathroom, main bathroom, primary bath, "
        "primary bathroom, guest bath, guest bathroom, bedroom bath, bedroom bathroom, master bedroom "
        "bath, master bedroom bathroom, half bath, ensuite, en suite, ensuite bathroom, master ensuite, "
        "master en suite, bedroom ensuite, bedroom en suite, master bedroom ensuite, master bedroom en "
        "suite, wc, guest wc, toilet, guest toilet, powder room, powder, shower room, shower, washroom, "
        "restroom, cloakroom"
    ),
    RoomType.EXTERIOR: (
        "exterior, exteriors, outside, outdoor, outdoors, garden, front garden, back garden, rear garden, "
        "yard, front yard, frontyard, back yard, backyard, side yard, facade, façade, front, front view, "
        "front elevation, rear, rear view, rear elevation, back, back view, elevation, street view, curb, "
        "kerb, driveway, drive, pool, lawn, house front, aerial, drone"
    ),
    RoomType.GAME_ROOM: (
        "game room, games room, gaming room, rec room, recreation room, rumpus, rumpus room, billiard "
        "room, billiards, pool room, bonus room, media room, man cave"
    ),
    RoomType.KIDS_ROOM: (
        "kids room, kid room, kids bedroom, children room, childrens room, child room, childs room, "
        "childrens bedroom, nursery, baby room, playroom, play room"
    ),
    RoomType.GARAGE: "garage, garages, double garage, carport, car port",
}

GERMAN: Mapping[RoomType, str] = {
    RoomType.LIVING_ROOM: (
        "wohnzimmer, wohnraum, wohnbereich, wohnen, stube, wohnstube, kaminzimmer, wintergarten, wohn "
        "esszimmer, wohn und esszimmer, wohn essbereich, wohn und essbereich, wohnen essen, wohnen und essen"
    ),
    RoomType.DINING_ROOM: "esszimmer, essbereich, essplatz, essecke, speisezimmer, essen",
    RoomType.BEDROOM: (
        "schlafzimmer, schlafraum, schlafbereich, schlafen, elternzimmer, gästezimmer, gastzimmer, gäste "
        "zimmer"
    ),
    RoomType.KITCHEN: "küche, küchen, küchenzeile, einbauküche, kochküche, kochnische, kochen, speisekammer",
    RoomType.KITCHEN_LIVING_AREA: (
        "wohnküche, wohn küche, essküche, offene küche, küche wohnzimmer, wohnzimmer küche, küche esszimmer, "
        "küche essbereich, küche mit essbereich, küche wohnbereich, kochen essen, wohnen kochen, wohnen "
        "kochen essen, wohnen essen kochen, kochen essen wohnen"
    ),
    RoomType.HOME_OFFICE: "arbeitszimmer, arbeitsraum, büro, heimbüro, homeoffice, bibliothek, arbeiten",
    RoomType.TERRACE: "terrasse, dachgarten, freisitz",
    RoomType.BALCONY: "balkon, balkone",
    RoomType.BATHROOM: (
        "bad, bäder, badezimmer, gästebad, hauptbad, elternbad, kinderbad, masterbad, duschbad, wannenbad, "
        "vollbad, tageslichtbad, bad en suite, schlafzimmer bad, schlafzimmer badezimmer, gäste wc, "
        "toilette, gästetoilette, gäste toilette, dusche, bad wc, dusche wc"
    ),
    RoomType.EXTERIOR: (
        "außen, außenansicht, außenbereich, außenaufnahme, fassade, garten, vorgarten, hof, innenhof, "
        "einfahrt, vorderansicht, rückansicht, straßenansicht, gartenansicht, hausansicht, luftbild, drohne, "
        "rasen"
    ),
    RoomType.GAME_ROOM: "hobbyraum, hobbykeller, billardzimmer, partykeller, partyraum, medienraum",
    RoomType.KIDS_ROOM: (
        "kinderzimmer, jugendzimmer, babyzimmer, spielzimmer, kinderschlafzimmer, kinder schlafzimmer"
    ),
    RoomType.GARAGE: "garagen, stellplatz",
}

FRENCH: Mapping[RoomType, str] = {
    RoomType.LIVING_ROOM: (
        "salon, séjour, pièce de vie, pièce à vivre, salle de séjour, petit salon, salon "
        "salle à manger, salon séjour, séjour salle à manger"
    ),
    RoomType.DINING_ROOM: "salle à manger, coin repas",
    RoomType.BEDROOM: (
        "chambre, chambres, chambre parentale, chambre parents, chambre des parents, chambre d'amis, chambre "
        "amis, suite parentale, chambre principale"
    ),
    RoomType.KITCHEN: "cuisine, cuisines, coin cuisine, cuisinette",
    RoomType.KITCHEN_LIVING_AREA: (
        "cuisine ouverte, cuisine américaine, cuisine séjour, séjour cuisine, cuisine salon, salon cuisine, "
        "cuisine salle à manger"
    ),
    RoomType.HOME_OFFICE: "bureau, bibliothèque",
    RoomType.TERRACE: "terrasses, toit terrasse",
    RoomType.BALCONY: "balcon, balcons",
    RoomType.BATHROOM: (
        "salle de bain, salle de bains, salles de bains, salle d'eau, sdb, toilettes, douche, cabinet de "
        "toilette"
    ),
    RoomType.EXTERIOR: (
        "extérieur, extérieurs, dehors, jardin, cour, piscine, pelouse, vue aérienne, vue de face, devanture"
    ),
    RoomType.GAME_ROOM: "salle de jeu, salle de jeux, salle de billard",
    RoomType.KIDS_ROOM: (
        "chambre enfant, chambre enfants, chambre d'enfant, chambre d'enfants, chambre des enfants, chambre "
        "bébé, chambre de bébé, chambre ado"
    ),
    RoomType.GARAGE: "garage double",
}

SPANISH: Mapping[RoomType, str] = {
    RoomType.LIVING_ROOM: (
        "salón, sala, sala de estar, cuarto de estar, estancia, salón comedor, sala comedor, living comedor"
    ),
    RoomType.DINING_ROOM: "comedor",
    RoomType.BEDROOM: (
        "dormitorio, dormitorios, dormitorio principal, habitación, habitaciones, habitación principal, "
        "habitación de invitados, dormitorio de invitados, recámara, recámara principal, alcoba"
    ),
    RoomType.KITCHEN: "cocina, cocinas, despensa",
    RoomType.KITCHEN_LIVING_AREA: (
        "cocina abierta, cocina americana, cocina comedor, cocina salón, salón cocina, salón comedor cocina"
    ),
    RoomType.HOME_OFFICE: "despacho, oficina, estudio, biblioteca",
    RoomType.TERRACE: "terraza, terrazas, azotea, porche",
    RoomType.BALCONY: "balcón, balcones",
    RoomType.BATHROOM: (
        "baño, baños, cuarto de baño, baño principal, baño en suite, baño dormitorio, dormitorio baño, aseo, "
        "aseos, ducha, lavabo"
    ),
    RoomType.EXTERIOR: "exteriores, fuera, jardín, fachada, piscina, césped, vista aérea, alberca",
    RoomType.GAME_ROOM: "sala de juegos, cuarto de juegos, sala de billar",
    RoomType.KIDS_ROOM: (
        "habitación infantil, dormitorio infantil, habitación de niños, habitación de los niños, cuarto de "
        "niños, dormitorio de niños, habitación niños, dormitorio niños, cuarto del bebé"
    ),
    RoomType.GARAGE: "garaje, cochera",
}

DUTCH: Mapping[RoomType, str] = {
    RoomType.LIVING_ROOM: (
        "woonkamer, woonruimte, zitkamer, zithoek, leefruimte, huiskamer, serre, woon eetkamer, woon en "
        "eetkamer"
    ),
    RoomType.DINING_ROOM: "eetkamer, eethoek",
    RoomType.BEDROOM: "slaapkamer, slaapkamers, logeerkamer, gastenkamer, ouderkamer",
    RoomType.KITCHEN: "keuken, keukens, kookhoek",
    RoomType.KITCHEN_LIVING_AREA: (
        "woonkeuken, leefkeuken, eetkeuken, open keuken, keuken woonkamer, woonkamer keuken, keuken eetkamer"
    ),
    RoomType.HOME_OFFICE: "werkkamer, studeerkamer, kantoor, thuiskantoor, bibliotheek",
    RoomType.TERRACE: "terras, dakterras, terrassen",
    RoomType.BALCONY: "balkons, dakbalkon",
    RoomType.BATHROOM: "badkamer, badkamers, slaapkamer badkamer, gastentoilet, doucheruimte",
    RoomType.EXTERIOR: (
        "buiten, buitenkant, buitenaanzicht, tuin, voortuin, achtertuin, gevel, voorgevel, achtergevel, "
        "oprit, zwembad, luchtfoto, gazon"
    ),
    RoomType.GAME_ROOM: "hobbykamer, hobbyruimte, biljartkamer, gamekamer",
    RoomType.KIDS_ROOM: "kinderkamer, kinderslaapkamer, kinder slaapkamer, babykamer, speelkamer",
    RoomType.GARAGE: "garages, dubbele garage, parkeerplaats",
}

SYNONYMS = (ENGLISH, GERMAN, FRENCH, SPANISH, DUTCH)
"""A word that several languages share stands in one of them; none stands for two room types."""

WEAK = frozenset({
    "front", "rear", "back", "master", "outside", "outdoor", "außen", "fuera", "dehors", "buiten",
})  # fmt: skip
"""These say where a room is as often as what it is, so any other word of the table outranks them."""

HEADS = frozenset({
    "schlafzimmer", "wohnzimmer", "esszimmer", "kinderzimmer", "arbeitszimmer", "gästezimmer",
    "badezimmer", "terrasse", "balkon", "garage",
    "slaapkamer", "badkamer", "woonkamer", "eetkamer", "kinderkamer",
})  # fmt: skip
"""German and Dutch write a room and which one in one word, the room last: "Südbalkon", "ouderslaapkamer".
Only what means the same in every such word: "Waschküche" and "bijkeuken" are no kitchens."""
