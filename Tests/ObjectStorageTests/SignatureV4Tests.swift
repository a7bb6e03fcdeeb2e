import Digests
import Encodings
import Foundation
import HTTPTransport
import Testing

import ObjectStorage

/// The examples of "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API reference.
@Suite struct SignatureV4Tests {
    private let credentials = S3Credentials(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    private let date = Date(timeIntervalSince1970: 1_369_353_600)  // 2013-05-24T00:00:00Z
    private let host = "examplebucket.s3.amazonaws.com"

    private func signature(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [], headers: HTTPHeaders = [:],
        payloadHash: String = SignatureV4.emptyHash
    ) -> String? {
        var headers = headers
        SignatureV4.sign(
            &headers, method: method, host: host, path: path, query: query, payloadHash: payloadHash,
            credentials: credentials, region: "us-east-1", date: date)
        return headers["authorization"]?.components(separatedBy: "Signature=").last
    }

    @Test func getObject() {
        #expect(
            signature("GET", "/test.txt", headers: ["Range": "bytes=0-9"])
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test func putObject() {
        #expect(
            signature(
                "PUT", "/" + "test$file.text".percentEncoded(keepingSlash: true),
                headers: ["Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"],
                payloadHash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test func getLifecycle() {
        #expect(
            signature("GET", "/", query: [("lifecycle", "")])
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    }

    @Test func listObjects() {
        #expect(
            signature("GET", "/", query: [("prefix", "J"), ("max-keys", "2")])
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func presignedAddress() {
        let query = SignatureV4.presignedQuery(
            method: "GET", host: host, path: "/test.txt", query: [], headers: [], credentials: credentials,
            region: "us-east-1", date: date, expires: 86400)
        #expect(query.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"))
        #expect(
            query.hasSuffix(
                "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"))
    }

    /// 66,560 bytes of "a" in chunks of 64 KiB.
    @Test func chunks() {
        let scope = SignatureV4.Scope(day: "20130524", region: "us-east-1")
        let key = SignatureV4.signingKey(secret: credentials.secretKey, scope: scope)
        var previous = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
        let expected = [
            (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
            (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
            (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
        ]
        for (size, signature) in expected {
            let hash = Hash.digest(.sha256, [UInt8](repeating: UInt8(ascii: "a"), count: size)).hex
            let text = SignatureV4.stringToSign(
                chunkHash: hash, previous: previous, time: "20130524T000000Z", scope: scope)
            previous = SignatureV4.signature(of: text, key: key)
            #expect(previous == signature)
        }
    }

    @Test(arguments: [
        ("a b", "a%20b"), ("a+b", "a%2Bb"), ("é", "%C3%A9"), ("dir/file", "dir/file"), ("~-._*'()", "~-._%2A%27%28%29"),
        ("a//b/../c/", "a//b/../c/"), ("100%", "100%25"),
    ])
    func paths(key: String, encoded: String) {
        #expect(key.percentEncoded(keepingSlash: true) == encoded)
        #expect(encoded.percentDecoded() == key)
    }

    @Test(arguments: ["%", "%4", "%zz", "%ff", "%C3%28"])
    func brokenEscapes(text: String) {
        #expect(text.percentDecoded() == nil)
    }
}
