import Encodings
import Foundation
import Yams

/// The part of a kubeconfig file (`v1`, `Config`) that we understand or have to refuse.
struct KubeconfigFile: Decodable, Sendable {
    struct Named<Value: Decodable & Sendable>: Sendable {
        var name: String
        var value: Value
    }

    struct Cluster: Decodable, Sendable {
        var server: String?
        var tlsServerName: String?
        var insecureSkipTLSVerify: Bool?
        var certificateAuthority: String?
        var certificateAuthorityData: String?
        var proxyURL: String?
        var disableCompression: Bool?
        var extensions: [Extension]?

        enum CodingKeys: String, CodingKey {
            case server, extensions
            case tlsServerName = "tls-server-name"
            case insecureSkipTLSVerify = "insecure-skip-tls-verify"
            case certificateAuthority = "certificate-authority"
            case certificateAuthorityData = "certificate-authority-data"
            case proxyURL = "proxy-url"
            case disableCompression = "disable-compression"
        }
    }

    struct Extension: Decodable, Sendable {
        var name: String
        var `extension`: JSONValue?
    }

    struct User: Decodable, Sendable {
        var clientCertificate: String?
        var clientCertificateData: String?
        var clientKey: String?
        var clientKeyData: String?
        var token: String?
        var tokenFile: String?
        var username: String?
        var password: String?
        var impersonated: String?
        var authProvider: JSONValue?
        var exec: Exec?

        enum CodingKeys: String, CodingKey {
            case token, tokenFile, username, password, exec
            case clientCertificate = "client-certificate"
            case clientCertificateData = "client-certificate-data"
            case clientKey = "client-key"
            case clientKeyData = "client-key-data"
            case impersonated = "as"
            case authProvider = "auth-provider"
        }
    }

    struct Exec: Decodable, Sendable {
        struct Variable: Decodable, Sendable {
            var name: String
            var value: String
        }

        var apiVersion: String?
        var command: String
        var args: [String]?
        var env: [Variable]?
        var installHint: String?
        var provideClusterInfo: Bool?
        var interactiveMode: CredentialPlugin.Interaction?
    }

    struct Context: Decodable, Sendable {
        var cluster: String?
        var user: String?
        var namespace: String?
    }

    var currentContext: String?
    var clusters: [Named<Cluster>]?
    var users: [Named<User>]?
    var contexts: [Named<Context>]?

    enum CodingKeys: String, CodingKey {
        case clusters, users, contexts
        case currentContext = "current-context"
    }

    /// Reads YAML or JSON.
    static func read(_ path: String) throws(KubernetesError) -> KubeconfigFile {
        do {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            if text.allSatisfy(\.isWhitespace) { return KubeconfigFile() }
            return try YAMLDecoder().decode(KubeconfigFile.self, from: text)
        } catch {
            throw .configuration("The kubeconfig \(path) cannot be read: \(error.reason)")
        }
    }
}

extension KubeconfigFile.Named: Decodable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// `{name: …, cluster: …}`, and the same with `user` and `context`.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        name = try container.decode(String.self, forKey: Key(stringValue: "name"))
        let key = container.allKeys.first { ["cluster", "user", "context"].contains($0.stringValue) }
        guard let key else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "\(name) has no content"))
        }
        value = try container.decode(Value.self, forKey: key)
    }
}

extension Error {
    /// What to show of an error of a decoder or of the file system; never the file's content, which is secret.
    fileprivate var reason: String {
        switch self as any Error {
        case DecodingError.keyNotFound(let key, let context):
            "\(context.codingPath.text) has no \(key.stringValue)."
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.text) has the wrong type."
        case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
            "\(context.codingPath.text) has a value that it may not have."
        case is DecodingError, is YamlError: "It is no kubeconfig in YAML or JSON."
        default: "\(localizedDescription)"
        }
    }
}

extension [any CodingKey] {
    fileprivate var text: String {
        isEmpty ? "it" : map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }.joined(separator: ".")
    }
}
