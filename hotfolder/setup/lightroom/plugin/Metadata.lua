-- What is remembered of a photo, in the catalogue: under which names and sizes it was sent, one a line; of a
-- picture that was brought home, its hash.
return {
  schemaVersion = 1,
  metadataFieldsForPhotos = { { id = "sent", version = 1 }, { id = "picture", version = 1 } },
}
