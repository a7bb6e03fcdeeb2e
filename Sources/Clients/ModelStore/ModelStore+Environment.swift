public import Foundation

extension ModelStore {
    /// The store that the environment describes.
    ///
    /// `MSAAS_MODELS` is the folder of shipped models, by default `models` beside or above the executable or in the
    /// working folder; `XDG_CACHE_HOME` (default `~/.cache`) holds the folder `msaas` for downloaded models;
    /// `MSAAS_MODEL_URL` takes the place of `https://dl.fbaipublicfiles.com/demucs` in the official models' addresses.
    public init(repository: URL? = nil, environment: [String: String]) {
        let home = environment["HOME"].map { URL(filePath: $0) } ?? FileManager.default.homeDirectoryForCurrentUser
        // Relative paths in XDG variables are to be ignored (XDG Base Directory Specification).
        let caches = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? URL(filePath: $0) : nil }
        let shipped = environment["MSAAS_MODELS"].flatMap { $0.isEmpty ? nil : URL(filePath: $0) }
        let address = environment["MSAAS_MODEL_URL"].flatMap { $0.isEmpty ? nil : $0 }
        self.init(
            repository: repository, shipped: shipped ?? Self.shippedFolder(),
            cache: (caches ?? home.appending(path: ".cache")).appending(path: "msaas"), address: address)
    }

    /// The first folder `models/starter`'s parent, going up from the executable and then from the working folder.
    private static func shippedFolder() -> URL {
        let working = URL(filePath: FileManager.default.currentDirectoryPath)
        var places: [URL] = []
        if let executable = Bundle.main.executableURL?.resolvingSymlinksInPath() {
            var folder = executable.deletingLastPathComponent()
            for _ in 0..<6 {
                places.append(folder)
                folder = folder.deletingLastPathComponent()
            }
        }
        places.append(working)
        let folders = places.map { $0.appending(path: "models") }
        return folders.first { FileManager.default.fileExists(atPath: $0.appending(path: "starter").path) }
            ?? working.appending(path: "models")
    }
}
