/// How far the download of a model is.
public struct DownloadProgress: Sendable, Equatable {
    /// The model's name.
    public var model: String
    /// The file that is being fetched.
    public var file: String
    /// Which of the model's files that is, from 0.
    public var fileIndex: Int
    /// How many files the model has.
    public var fileCount: Int
    /// Bytes of this file that are on disk, those of earlier attempts included.
    public var receivedBytes: Int
    /// Bytes of the whole file, once the server has told them.
    public var totalBytes: Int?

    /// A report; the download makes it.
    package init(
        model: String, file: String, fileIndex: Int, fileCount: Int, receivedBytes: Int, totalBytes: Int? = nil
    ) {
        self.model = model
        self.file = file
        self.fileIndex = fileIndex
        self.fileCount = fileCount
        self.receivedBytes = receivedBytes
        self.totalBytes = totalBytes
    }
}
