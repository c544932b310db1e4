-- Lightroom reads this file by itself: nothing can be called or required in it.
return {
  LrSdkVersion = 10.0,
  LrSdkMinimumVersion = 6.0,
  LrToolkitIdentifier = "org.hotfolder.lightroom",
  LrPluginName = "hotfolder",
  LrMetadataProvider = "Metadata.lua",
  LrExportServiceProvider = { title = "hotfolder", file = "Export.lua" },
  LrLibraryMenuItems = { { title = "Bring results home", file = "BringHome.lua" } },
  VERSION = { major = 1, minor = 0, revision = 0 },
}
