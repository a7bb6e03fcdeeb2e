import Foundation
import Synchronization

/// The room on the storage's disk: what is free, what is promised to uploads under way, and what is kept free.
///
/// Uploads are refused before the disk is full, so that records, events and removals always find room.
package final class Space: Sendable {
    private let directory: String
    private let kept: Int?
    private let promised = Mutex(0)

    /// - Parameter kept: bytes that stay free; unless told a twentieth of the disk, at most 1 GiB.
    package init(directory: String, kept: Int?) {
        self.directory = directory
        self.kept = kept
    }

    /// The disk's free and kept bytes. It asks the operating system.
    package func measure() throws -> (free: Int, kept: Int) {
        var information = statvfs()
        guard statvfs(directory, &information) == 0 else { throw DiskError("look at the disk of", directory) }
        func bytes(_ blocks: UInt) -> Int {
            let (product, isTooLarge) = blocks.multipliedReportingOverflow(by: information.f_frsize)
            return isTooLarge ? .max : Int(clamping: product)
        }
        return (bytes(information.f_bavail), kept ?? min(1 << 30, bytes(information.f_blocks) / 20))
    }

    /// Promises room for an upload.
    ///
    /// - Throws: ``S3Failure/diskFull`` when there is too little.
    package func reserve(_ count: Int) throws -> Reservation {
        let (free, kept) = try measure()
        try promised.withLock { promised in
            let available = free - min(free, kept) - min(free, promised)
            guard count <= available else { throw S3Failure.diskFull }
            promised += count
        }
        return Reservation(self, count)
    }

    /// A sentence when there is no room for anything; `nil` while there is.
    func problem() -> String? {
        guard let (free, kept) = try? measure(), free <= kept else { return nil }
        return
            "The storage is full: \(free) bytes are free, \(kept) are kept free. Delete objects or give it a larger disk."
    }

    /// Room for one upload; what was not written is given back with the last reference.
    package final class Reservation: Sendable {
        private let space: Space
        private let left: Mutex<Int>

        fileprivate init(_ space: Space, _ count: Int) {
            self.space = space
            left = Mutex(count)
        }

        /// Bytes that the disk itself counts from now on.
        func wrote(_ count: Int) {
            let known = left.withLock { left in
                let known = min(left, count)
                left -= known
                return known
            }
            space.promised.withLock { $0 -= known }
        }

        deinit { wrote(.max) }
    }
}
