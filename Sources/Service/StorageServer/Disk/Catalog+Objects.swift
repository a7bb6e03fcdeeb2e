import Foundation

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
        if let old { condemn(draft.bucket, old) }
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
        condemn(name, record)
        try Disk.sync(directory: layout.objectFolder(name, key))
        try prepared.publish()
    }

    func list(_ name: String, prefix: String, delimiter: String, after marker: String, limit: Int) throws(S3Failure)
        -> KeyIndex.Page
    {
        try bucket(name).index.page(prefix: prefix, delimiter: delimiter, after: marker, limit: limit)
    }
}
