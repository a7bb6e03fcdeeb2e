import Digests
import Foundation
import ObjectStorage

/// An object that is about to be stored.
struct ObjectDraft: Sendable {
    var bucket: String
    var key: String
    var segments: [Int]
    var eTag: String
    var headers: [String: String]
    var metadata: [String: String]
    /// Store it only where no object is (`If-None-Match: *`), or only over this entity tag (`If-Match`).
    var onlyIfAbsent = false
    var onlyOver: String?
}

extension Catalog {
    /// Makes an object visible, whole and at once.
    ///
    /// - Parameters:
    ///   - files: its bytes, one file a segment, already on the disk.
    ///   - keepingFiles: whether the files stay where they are too, because they belong to something else.
    func commit(_ draft: ObjectDraft, files: [String], keepingFiles: Bool, event: EventContext) throws -> ObjectRecord {
        let old = try bucket(draft.bucket).index[draft.key]
        if draft.onlyIfAbsent, old != nil { throw S3Failure.preconditionFailed }
        if let tag = draft.onlyOver, old?.eTag != tag { throw old == nil ? S3Failure.noSuchKey : .preconditionFailed }
        let sequencer = nextSequencer()
        let record = ObjectRecord(
            id: UUID().uuidString.lowercased(), key: draft.key, segments: draft.segments, eTag: draft.eTag,
            lastModified: now(), headers: draft.headers, metadata: draft.metadata, sequencer: sequencer)
        var prepared: PreparedEvent?
        do {
            try Disk.makeDirectory(layout.dataFolder(draft.bucket, record.id))
            for (segment, file) in files.enumerated() {
                let place = layout.data(draft.bucket, record.id, segment)
                if keepingFiles { try Disk.link(file, to: place) } else { try Disk.rename(file, to: place) }
            }
            try Disk.sync(directory: layout.dataFolder(draft.bucket, record.id))
            prepared = try prepareEvents(
                event, bucket: draft.bucket, key: draft.key, object: record, sequencer: sequencer)
            try Disk.makeDirectory(layout.objectFolder(draft.bucket, draft.key))
            try replace(layout.object(draft.bucket, draft.key), with: record)
        } catch {
            removeFiles(draft.bucket, record.id, files.count)
            prepared?.discard()
            throw error
        }
        buckets[draft.bucket]?.index[draft.key] = record
        if let old { removeWhenUnread(draft.bucket, old) }
        try Disk.sync(directory: layout.objectFolder(draft.bucket, draft.key))
        try prepared?.publish()
        return record
    }

    /// Removes an object. That it is not there is no error.
    func delete(_ name: String, _ key: String, event: EventContext) throws {
        guard let record = try bucket(name).index[key] else { return }
        let sequencer = nextSequencer()
        let prepared = try prepareEvents(event, bucket: name, key: key, object: nil, sequencer: sequencer)
        do {
            try Disk.remove(layout.object(name, key))
        } catch {
            prepared.discard()
            throw error
        }
        buckets[name]?.index[key] = nil
        removeWhenUnread(name, record)
        try Disk.sync(directory: layout.objectFolder(name, key))
        try prepared.publish()
    }

    func list(_ name: String, prefix: String, delimiter: String, after marker: String, limit: Int) throws(S3Failure)
        -> KeyIndex.Page
    {
        try bucket(name).index.page(prefix: prefix, delimiter: delimiter, after: marker, limit: limit)
    }
}

// MARK: - Uploads in parts

extension Catalog {
    func createUpload(_ bucket: String, _ key: String, headers: [String: String], metadata: [String: String]) throws
        -> UploadRecord
    {
        _ = try self.bucket(bucket)
        let upload = UploadRecord(
            id: UUID().uuidString.lowercased(), bucket: bucket, key: key, created: now(), headers: headers,
            metadata: metadata)
        try Disk.makeDirectory(layout.upload(upload.id))
        try replace(layout.uploadRecord(upload.id), with: upload)
        try Disk.sync(directory: layout.upload(upload.id))
        uploads[upload.id] = upload
        return upload
    }

    func upload(_ id: String, _ bucket: String, _ key: String) throws(S3Failure) -> UploadRecord {
        _ = try self.bucket(bucket)
        guard let upload = uploads[id], upload.bucket == bucket, upload.key == key else { throw .noSuchUpload }
        return upload
    }

    func uploads(in bucket: String, prefix: String) throws(S3Failure) -> [UploadRecord] {
        _ = try self.bucket(bucket)
        return uploads.values.filter { $0.bucket == bucket && $0.key.hasPrefix(prefix, inBytes: true) }
            .sorted { $0.key == $1.key ? $0.created < $1.created : $0.key.precedesInBytes($1.key) }
    }

    /// Puts a part in its place; one with the same number is replaced.
    func storePart(_ upload: UploadRecord, _ part: PartRecord, file: String) throws {
        _ = try self.upload(upload.id, upload.bucket, upload.key)
        let before = try parts(upload).filter { $0.number == part.number && $0.fileName != part.fileName }
        try Disk.rename(file, to: layout.part(upload.id, part))
        for old in before { try Disk.remove(layout.part(upload.id, old)) }
        try Disk.sync(directory: layout.upload(upload.id))
    }

    /// The parts that are there, by number.
    func parts(_ upload: UploadRecord) throws -> [PartRecord] {
        try Disk.names(in: layout.upload(upload.id)).compactMap { name in
            var information = stat()
            guard stat("\(layout.upload(upload.id))/\(name)", &information) == 0 else { return nil }
            let modified = Date(timeIntervalSince1970: TimeInterval(information.st_mtim.tv_sec))
            return PartRecord(fileName: name, lastModified: modified)
        }.sorted { $0.number < $1.number }
    }

    /// Makes one object of the named parts. Its entity tag is the MD5 of the parts' MD5s and their number.
    func completeUpload(
        _ upload: UploadRecord, _ wanted: [(number: Int, eTag: String)], onlyIfAbsent: Bool, event: EventContext
    ) throws -> ObjectRecord {
        _ = try self.upload(upload.id, upload.bucket, upload.key)
        guard !wanted.isEmpty else { throw S3Failure.malformedXML }
        guard zip(wanted, wanted.dropFirst()).allSatisfy({ $0.number < $1.number }) else {
            throw S3Failure.invalidPartOrder
        }
        let present = Dictionary(try parts(upload).map { ($0.number, $0) }) { $1 }
        var chosen: [PartRecord] = []
        for (number, eTag) in wanted {
            guard let part = present[number], part.eTag == eTag else { throw S3Failure.invalidPart }
            chosen.append(part)
        }
        guard chosen.dropLast().allSatisfy({ $0.size >= 5 << 20 }) else { throw S3Failure.tooSmall }
        let digests = Hash(.md5)
        for part in chosen { digests.update(part.eTag.bytesOfHex) }
        var draft = ObjectDraft(
            bucket: upload.bucket, key: upload.key, segments: chosen.map(\.size),
            eTag: "\(digests.finish().hex)-\(chosen.count)", headers: upload.headers, metadata: upload.metadata)
        draft.onlyIfAbsent = onlyIfAbsent
        let files = chosen.map { layout.part(upload.id, $0) }
        let record = try commit(draft, files: files, keepingFiles: true, event: event)
        try abortUpload(upload)
        return record
    }

    /// Drops the uploads that were begun too long ago.
    func removeStaleUploads() throws {
        for upload in uploads.values where upload.created < now() - Self.uploadLifetime { try abortUpload(upload) }
    }

    func abortUpload(_ upload: UploadRecord) throws {
        uploads[upload.id] = nil
        try Disk.removeTree(layout.upload(upload.id))
    }
}

extension String {
    fileprivate var bytesOfHex: [UInt8] {
        let digits = utf8.compactMap(\.hexValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
