import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// A Redis that works and yet cannot be relied on, and one that can never be used, are said in a sentence.
struct HealthTests {
    @Test func evictionAndFullMemoryAreSaid() async throws {
        let fixture = try QueueFixture()
        #expect(try await fixture.queue.health().troubles.isEmpty)
        try await fixture.command("CONFIG", "SET", "maxmemory", "100mb")
        try await fixture.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        let forgetful = try await fixture.queue.health()
        #expect(forgetful.description.contains("maxmemory-policy allkeys-lru"))
        #expect(throws: QueueHealth.self) { try forgetful.check() }
        try await fixture.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        try await fixture.command("CONFIG", "SET", "maxmemory", "1")
        #expect(try await fixture.queue.health().description.hasPrefix("Redis is full"))
    }

    @Test func aUserWithoutScriptingIsSaid() async throws {
        let fixture = try QueueFixture()
        try await fixture.command("ACL", "SETUSER", "poor", "on", ">secret", "~*", "+@all", "-@scripting")
        let queue = try RedisJobQueue(url: "redis://poor:secret@127.0.0.1:\(fixture.redis.port)")
        let error = try await #require(throws: RedisError.self) { try await queue.health() }
        #expect(error.description.contains("access list (ACL)") && error.description.contains("evalsha"), "\(error)")
        #expect(!error.description.contains("secret") && !error.isTransient)
    }

    @Test func theSameTroubleIsSaidOnceAMinute() {
        let trouble = RepeatedTrouble()
        let now = ContinuousClock.now
        #expect(trouble.isNews(RedisError.outOfMemory, now: now))
        #expect(!trouble.isNews(RedisError.outOfMemory, now: now + .seconds(59)))
        #expect(trouble.isNews(RedisError.loading, now: now + .seconds(59)))
        #expect(trouble.isNews(RedisError.loading, now: now + .seconds(120)))
        trouble.isOver()
        #expect(trouble.isNews(RedisError.loading, now: now + .seconds(121)))
    }
}
