"""An embedded stand-in of the Stager AI API. Imports nothing of the rest of hotfolder."""
