// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "msaas",
    products: [
        .executable(name: "msaas", targets: ["msaas"]),
        .executable(name: "worker", targets: ["worker"]),
        .executable(name: "function-host", targets: ["function-host"]),
        .executable(name: "autoscaler", targets: ["autoscaler"]),
        .library(name: "Separation", targets: ["Separation"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: foundations + engine + clients + service + pages + functions + autoscaler + programs + tests + fuzzing
        + externalScaler,
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)

/// The ground floor: the system's C libraries and what every other floor may lean on.
var foundations: [Target] {
    systemLibraries
        + floor(
            "Foundations",
            [
                .target(name: "Threading"),
                .target(name: "CTerminal"),
                .target(name: "Terminal", dependencies: ["CTerminal", .argumentParser]),
                .target(name: "FileKind"),
                .target(name: "Streams", dependencies: [.nioCore]),
                .target(name: "Untrusted"),
                .target(name: "EnvironmentSettings", dependencies: ["Untrusted"]),
                .target(name: "Pacing"),
                .target(name: "Digests", dependencies: ["COpenSSL", "CZlib"]),
                .target(name: "Encodings"),
                .target(name: "ProcessUsage"),
                .target(
                    name: "Observability",
                    dependencies: ["Digests", "EnvironmentSettings", "ProcessUsage", "Terminal", .logging, .metrics]),
                .target(name: "SeparationChoices", dependencies: ["Untrusted"]),
                .target(name: "COpenAPI", exclude: ["openapi.yaml"]),
                .target(
                    name: "ServiceContract",
                    dependencies: ["COpenAPI", "Digests", "Encodings", "SeparationChoices", "Untrusted"]),
            ])
}

/// Module maps and typed shims over the system's C libraries; no logic.
var systemLibraries: [Target] {
    [
        system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        // No pkgConfig where the .pc file holds a flag that SwiftPM refuses with a warning (-D_FILE_OFFSET_BITS=64).
        system("CMPG123", pkgConfig: nil, apt: "libmpg123-dev"),
        system("CSndfile", pkgConfig: nil, apt: "libsndfile1-dev"),
        system("CFFmpeg", pkgConfig: nil, apt: "libavformat-dev"),
        system("CSoxr", pkgConfig: "soxr", apt: "libsoxr-dev"),
        system("CHiredis", pkgConfig: nil, apt: "libhiredis-dev"),
        system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        system("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
        system("CMalloc", pkgConfig: nil, apt: "libc6-dev"),
    ]
}

/// From a checkpoint and a track to stems; knows nothing of networks or jobs.
var engine: [Target] {
    floor(
        "Engine",
        [
            .target(name: "CKernels", dependencies: ["COpenBLAS"], exclude: ["lanes"]),
            .target(name: "Tensors", dependencies: ["CKernels"]),
            .target(name: "Checkpoints", dependencies: ["Untrusted"]),
            .target(name: "HTDemucs", dependencies: ["Tensors", "Checkpoints", "Untrusted"]),
            .target(
                name: "Audio",
                dependencies: [
                    "FileKind", "CFFmpeg", "CMPG123", "CSndfile", "CSoxr", "Untrusted", "SeparationChoices",
                ]),
            .target(
                name: "Separation",
                dependencies: [
                    "Pacing", "HTDemucs", "Tensors", "Checkpoints", "Audio", "Untrusted", "SeparationChoices",
                    "EnvironmentSettings", "ProcessUsage",
                ]),
            .target(name: "Evaluation", dependencies: ["Audio"]),
        ])
}

/// One client for each outside system; none imports another, but for the HTTP transport they share.
var clients: [Target] {
    floor(
        "Clients",
        [
            .target(name: "HTTPTransport", dependencies: ["Pacing", "Streams", .nioCore, "CCurl"]),
            .target(
                name: "TraceExport",
                dependencies: [
                    "Encodings", "EnvironmentSettings", "HTTPTransport", "ServiceContract", "Observability", .lifecycle,
                    .logging,
                ]),
            .target(
                name: "ObjectStorage",
                dependencies: [
                    "Pacing", "Streams", .nioCore, "HTTPTransport", "Threading", "Digests", "Encodings",
                    "EnvironmentSettings",
                ]),
            .target(
                name: "Jobs",
                dependencies: [
                    "Pacing", "CHiredis", "COpenSSL", "Digests", "ServiceContract", "Threading", "EnvironmentSettings",
                ]),
            .target(
                name: "Kubernetes",
                dependencies: ["Streams", "HTTPTransport", "Threading", "Encodings", .logging, .yams]),
            .target(
                name: "ModelStore",
                dependencies: [
                    "HTTPTransport", "Digests", "Checkpoints", "Threading", "Untrusted", "EnvironmentSettings", .yams,
                ]),
            .target(
                name: "ServiceClient",
                dependencies: ["HTTPTransport", "ServiceContract", "Encodings", "EnvironmentSettings", .nioCore]),
        ])
}

/// What runs as a server or a loop, and the client of the whole.
var service: [Target] {
    floor(
        "Service",
        [
            // Connections of the function host and the storage: limits, TLS.
            .target(
                name: "HTTPServer",
                dependencies: [
                    "EnvironmentSettings", "Observability", "CMalloc", .hummingbird, .hummingbirdCore, .httpTypes,
                    .nioCore,
                    .nioHTTP1, .nioHTTPTypes, .nioSSL, .logging, .lifecycle,
                ]),
            .target(
                name: "StorageServer",
                dependencies: [
                    "Pacing", "HTTPServer", "ObjectStorage", "HTTPTransport", "Digests", "Threading", "Encodings",
                    "EnvironmentSettings", "Observability", .hummingbird, .httpTypes, .nioCore, .nioHTTP1, .nioPosix,
                    .nioHTTPTypes, .logging, .lifecycle,
                ]),
            .target(
                name: "FunctionHost",
                dependencies: [
                    "Pacing", "Streams", "HTTPServer", "Digests", "Threading", "ServiceContract", "Encodings",
                    "EnvironmentSettings", "Observability", .hummingbird, .httpTypes,
                    .nioCore, .nioHTTPTypes, .logging, .metrics, .lifecycle, .yams,
                ]),
            .target(
                name: "FunctionClients",
                dependencies: [
                    "FunctionHost", "ServiceContract", "Jobs", "ObjectStorage", "HTTPTransport", "EnvironmentSettings",
                    "Encodings", .logging,
                ]),
            .target(
                name: "WorkerLoop",
                dependencies: [
                    "Pacing", "ServiceContract", "Jobs", "ObjectStorage", "HTTPTransport", "Separation", "Tensors",
                    "Audio", "SeparationChoices", "ModelStore", "Threading", "Untrusted", "Checkpoints", "HTDemucs",
                    "EnvironmentSettings", "HTTPServer", "TraceExport", "Observability", "ProcessUsage",
                    .logging, .metrics, .lifecycle, .unixSignals,
                ]),
            .target(
                name: "LocalStack",
                dependencies: [
                    "Digests", "Pacing", "ObjectStorage", "HTTPTransport", "Jobs", "Policy", "Controller", "Threading",
                    "EnvironmentSettings", .logging, .subprocess, .systemPackage,
                ]),
        ])
}

/// A folder below `functions` for each: its handler and its `function.yaml`. A new one needs its line here, with what it imports
/// beside `FunctionHost`; CONTRIBUTING.md has its other places.
var functions: [Target] {
    [
        function(
            "upload",
            [
                "Digests", "Pacing", "FileKind", "FunctionClients", "ServiceContract", "Jobs", "ObjectStorage",
                "HTTPTransport",
                "Encodings",
                "Streams", "EnvironmentSettings", .nioCore,
            ]),
        function(
            "separate",
            [
                "Pacing", "FunctionClients", "ServiceContract", "Jobs", "ObjectStorage", "HTTPTransport",
                "EnvironmentSettings", "Observability", .lifecycle, .logging,
            ]),
        function(
            "callbacks",
            [
                "Digests", "Pacing", "FunctionClients", "ServiceContract", "Jobs", "HTTPTransport",
                "EnvironmentSettings", .lifecycle, .logging,
            ]),
        function(
            "fetch",
            [
                "Audio", "Digests", "FunctionClients", "ServiceContract", "SeparationChoices", "Jobs", "ObjectStorage",
                "Encodings", "EnvironmentSettings", "HTTPTransport", "Streams", "Threading", .logging, .nioCore,
            ]),
        function("studio", ["CStudioPage", "Digests"], exclude: ["CStudioPage", "page"]),
    ]
}

/// Files that a function hands out, compiled in.
var pages: [Target] { [.target(name: "CStudioPage", path: "functions/studio/CStudioPage")] }

/// The autoscaler's own rooms; Policy imports nothing.
var autoscaler: [Target] {
    [
        .target(name: "Policy", path: "autoscaler/Policy"),
        .target(name: "Simulator", dependencies: ["Pacing", "Policy"], path: "autoscaler/Simulator"),
        .target(
            name: "Dashboard", dependencies: ["Pacing", "ServiceContract", "Jobs", "Policy", "Threading"],
            path: "autoscaler/Dashboard"),
        .target(
            name: "Controller",
            dependencies: [
                "Pacing", "Policy", "ServiceContract", "Jobs", "Kubernetes", "HTTPTransport", "EnvironmentSettings",
                "HTTPServer", "Observability", .lifecycle, .logging, .yams,
            ],
            path: "autoscaler/Controller"),
        .executableTarget(
            name: "autoscaler",
            dependencies: [
                "Policy", "Simulator", "Controller", "Dashboard", "Jobs", "Kubernetes", "ServiceContract",
                "Terminal", "EnvironmentSettings", "Observability", "HTTPTransport", .argumentParser, .lifecycle,
                .logging,
            ],
            path: "autoscaler/autoscaler"),
    ]
}

/// A few lines each over the libraries above.
var programs: [Target] {
    floor(
        "Programs",
        [
            .executableTarget(
                name: "function-host",
                dependencies: functions.map { .target(name: $0.name) } + [
                    "FunctionHost", "ServiceContract", "Terminal", "Observability", "TraceExport",
                    .argumentParser, .logging, .metrics, .lifecycle,
                ]),
            .executableTarget(
                name: "worker",
                dependencies: [
                    "WorkerLoop", "ServiceContract", "Terminal", "Observability", .argumentParser, .logging,
                ]),
            .executableTarget(
                name: "msaas",
                dependencies: [
                    "Separation", "HTDemucs", "Tensors", "Audio", "Threading", "ModelStore", "WorkerLoop", "Evaluation",
                    "LocalStack",
                    "Controller", "StorageServer", "ServiceClient", "ServiceContract", "Jobs", "FunctionHost",
                    "FunctionClients", "ObjectStorage", "HTTPTransport", "SeparationChoices", "EnvironmentSettings",
                    "Terminal", "Observability", .argumentParser, .logging, .lifecycle, .unixSignals,
                ]),
        ])
}

var tests: [Target] {
    isForKEDA ? testSupport + externalScalerTests : testSupport + suites
}

var testSupport: [Target] {
    [
        .target(name: "TestRun", path: "Tests/TestRun", exclude: ["keeper.sh"]),
        .target(
            name: "TestSupport", dependencies: ["TestRun", "Threading", .lifecycle, .logging], path: "Tests/TestSupport"
        ),
    ]
}

var suites: [Target] {
    [
        test("TestSupportTests", []),
        test("ArchitectureTests", [], isSupported: false),
        test("FoundationsTests", ["Digests", "Encodings", "Pacing", "EnvironmentSettings"]),
        test("ObservabilityTests", ["Observability", .logging, .metrics], isSupported: false),
        test("TensorsTests", ["Pacing", "Tensors"], isSupported: false),
        test("CheckpointsTests", ["Pacing", "Checkpoints", "ModelStore", "HTTPTransport"], exclude: ["Fixtures"]),
        test("HTDemucsTests", ["HTDemucs", "Checkpoints", "Tensors"], exclude: ["Goldens"], isSupported: false),
        test("AudioTests", ["Audio", "FileKind", "Pacing", "msaas", "SeparationChoices"]),
        test(
            "SeparationTests",
            [
                "Pacing", "Separation", "Tensors", "Checkpoints", "Audio", "SeparationChoices", "EnvironmentSettings",
                "msaas",
                "separate-example",
            ],
            exclude: ["Goldens", "Demo", "Reference"]),
        .executableTarget(name: "separate-example", dependencies: ["Separation"], path: "Examples/separate"),
        test(
            "ObjectStorageTests",
            [
                "Streams", .nioCore, "ObjectStorage", "HTTPTransport", "Digests", "Encodings", "EnvironmentSettings",
            ],
            resources: [.copy("Fixtures")]),
        test(
            "StorageServerTests",
            [
                "Pacing", "Streams", "StorageServer", "ObjectStorage", "HTTPTransport", "Digests", "Encodings",
                .nioCore, .hummingbird, .httpTypes,
            ],
            resources: [.copy("Fixtures"), .copy("Clients")]),
        test(
            "HTTPServerTests",
            ["HTTPServer", "HTTPTransport", "CMalloc", .hummingbird, .hummingbirdCore, .nioCore, .logging]),
        test("JobsTests", ["Pacing", "Jobs", "ServiceContract", "SeparationChoices", "EnvironmentSettings"]),
        .target(
            name: "KubernetesDouble",
            dependencies: ["Pacing", "Kubernetes", "Encodings", .hummingbird, .logging, .nioCore],
            path: "Tests/KubernetesDouble"),
        test(
            "KubernetesTests",
            ["Streams", "Kubernetes", "KubernetesDouble", "HTTPTransport", "Encodings", .logging],
            resources: [.copy("Fixtures")]),
        test(
            "WorkerLoopTests",
            [
                "WorkerLoop", "ServiceContract", "Jobs", "ObjectStorage", "HTTPTransport", "ModelStore",
                "Separation", "SeparationChoices", "Audio", "WorkerTrials", "TrialWorker", "EnvironmentSettings",
                "Streams", .lifecycle, .logging,
            ]),
        .target(name: "WorkerTrials", dependencies: ["WorkerLoop", "ServiceContract"], path: "Tests/WorkerTrials"),
        .executableTarget(
            name: "TrialWorker", dependencies: ["WorkerTrials", "WorkerLoop", "Observability", .logging],
            path: "Tests/TrialWorker"),
        test(
            "FunctionTests",
            functions.map { .target(name: $0.name) } + [
                "Audio", "Pacing", "Streams", "FunctionHost", "FunctionClients", "HTTPTransport", "ObjectStorage",
                "StorageServer", "ServiceContract", "SeparationChoices", "ServiceClient", "Jobs", "EnvironmentSettings",
                "Observability", "HTTPServer", .nioCore, .logging, .lifecycle, .yams,
            ],
            exclude: [
                "Callbacks/verify.py", "Separate/minio-event.json", "Contract/openapi_check.py",
                "Contract/schemathesis.toml",
                "Contract/songs.py",
            ]),
        test("PolicyTests", ["Pacing", "Policy"], isSupported: false),
        test("SimulatorTests", ["Pacing", "Simulator", "Policy", "autoscaler"]),
        test(
            "ControllerTests",
            [
                "Pacing", "Controller", "Policy", "ServiceContract", "Jobs", "Kubernetes", "KubernetesDouble",
                "autoscaler", "Encodings", "HTTPTransport", "EnvironmentSettings", "Observability", "FunctionHost",
                "Simulator", .logging,
            ]),
        test("DashboardTests", ["Dashboard", "ServiceContract", "Jobs", "autoscaler"], exclude: ["Goldens"]),
        test(
            "ManifestTests",
            [
                "Controller", "Jobs", "Kubernetes", "KubernetesDouble", "FunctionHost", "WorkerLoop", "LocalStack",
                "ObjectStorage", "HTTPTransport", "ServiceContract", "Streams", "msaas", "TrialWorker", "autoscaler",
                "function-host", "EnvironmentSettings", "FunctionClients", "UploadFunction", "SeparateFunction",
                "FetchFunction", "CallbacksFunction", "StorageServer", "TraceExport", "ServiceClient", "ModelStore",
                "Separation", "Observability", "HTTPServer",
                .nioCore, .yams,
            ], exclude: ["Support/recorder.py"]),
        test(
            "ChaosTests",
            [
                "LocalStack", "ServiceClient", "ServiceContract", "Jobs", "ObjectStorage", "HTTPTransport", "Digests",
                "Pacing",
            ]),
        test(
            "EndToEndTests",
            [
                "LocalStack", "ServiceClient", "ServiceContract", "ObjectStorage", "Jobs", "Policy", "HTTPTransport",
                "Evaluation", .logging,
            ], exclude: ["collector.py"]),
        test("StudioTests", ["LocalStack", "FunctionHost"], exclude: ["Scenarios"]),
    ]
}

/// Only `make fuzz` builds this: libFuzzer brings its own `main`, and everything is compiled to tell it where it went.
var fuzzing: [Target] {
    guard Context.environment["MSAAS_FUZZ"] != nil else { return [] }
    return [
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Checkpoints", "HTDemucs", "Separation", "Tensors", "ModelStore", "Audio", "HTTPTransport",
                "ObjectStorage", "StorageServer", "FunctionHost",
                "UploadFunction", "SeparateFunction", "FetchFunction", "Jobs", "EnvironmentSettings",
                "Observability", "ServiceContract", "Encodings", "Digests", "Pacing",
                "TestSupport", .httpTypes,
            ],
            path: "Tests/Fuzz", exclude: ["Corpus", "README.md", "run.sh", "seeds.py"],
            swiftSettings: [.unsafeFlags(["-parse-as-library"])])
    ]
}

// MARK: - KEDA

/// Set by `make build-keda` and `make test-keda` only: gRPC brings a second BoringSSL and much else, some ten minutes of building
/// that whoever does without KEDA shall not wait for.
var isForKEDA: Bool { Context.environment["MSAAS_KEDA"] != nil }

if isForKEDA {
    package.products.append(.executable(name: "keda-scaler", targets: ["keda-scaler"]))
    package.dependencies += [
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    ]
}

var externalScaler: [Target] {
    guard isForKEDA else { return [] }
    return [
        // The only room that knows gRPC.
        .target(
            name: "ExternalScaler",
            dependencies: [
                "Pacing", "Policy", "Controller", "ServiceContract", "Jobs", "Encodings", "EnvironmentSettings",
                .grpcCore,
                .grpcTransport, .certificateReloading, .lifecycle, .logging,
            ],
            path: "autoscaler/ExternalScaler"),
        .executableTarget(
            name: "keda-scaler",
            dependencies: [
                "ExternalScaler", "Controller", "Policy", "ServiceContract", "HTTPServer", "EnvironmentSettings",
                "Observability", "Terminal", .argumentParser, .lifecycle, .logging,
            ],
            path: "autoscaler/keda-scaler"),
    ]
}

var externalScalerTests: [Target] {
    [
        test(
            "ExternalScalerTests", ["Encodings", "Jobs", "ServiceContract", "keda-scaler"],
            exclude: ["client.py", "scaler.proto"])
    ]
}

// MARK: - Shorthand

extension Target.Dependency {
    static var argumentParser: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var logging: Self { .product(name: "Logging", package: "swift-log") }
    static var metrics: Self { .product(name: "Metrics", package: "swift-metrics") }
    static var lifecycle: Self { .product(name: "ServiceLifecycle", package: "swift-service-lifecycle") }
    static var unixSignals: Self { .product(name: "UnixSignals", package: "swift-service-lifecycle") }
    static var hummingbird: Self { .product(name: "Hummingbird", package: "hummingbird") }
    static var hummingbirdCore: Self { .product(name: "HummingbirdCore", package: "hummingbird") }
    static var subprocess: Self { .product(name: "Subprocess", package: "swift-subprocess") }
    static var systemPackage: Self { .product(name: "SystemPackage", package: "swift-system") }
    static var httpTypes: Self { .product(name: "HTTPTypes", package: "swift-http-types") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var nioCore: Self { .product(name: "NIOCore", package: "swift-nio") }
    static var nioSSL: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
    static var nioPosix: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioHTTPTypes: Self { .product(name: "NIOHTTPTypes", package: "swift-nio-extras") }
    static var grpcCore: Self { .product(name: "GRPCCore", package: "grpc-swift-2") }
    static var grpcTransport: Self {
        .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
    }
    static var certificateReloading: Self { .product(name: "NIOCertificateReloading", package: "swift-nio-extras") }
    static var yams: Self { .product(name: "Yams", package: "Yams") }
}

/// Targets whose sources lie in `Sources/FLOOR/NAME`.
func floor(_ name: String, _ targets: [Target]) -> [Target] {
    for target in targets { target.path = "Sources/\(name)/\(target.name)" }
    return targets
}

func system(_ name: String, pkgConfig: String?, apt: String) -> Target {
    .systemLibrary(
        name: name, path: "Sources/Foundations/SystemLibraries/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// `hello` is the target `HelloFunction` in `functions/hello`.
func function(_ name: String, _ rooms: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(
        name: name.prefix(1).uppercased() + name.dropFirst() + "Function", dependencies: ["FunctionHost"] + rooms,
        path: "functions/\(name)", exclude: exclude, resources: [.embedInCode("function.yaml")])
}

func test(
    _ name: String, _ rooms: [Target.Dependency], exclude: [String] = [], resources: [Resource]? = nil,
    isSupported: Bool = true
) -> Target {
    .testTarget(
        name: name, dependencies: rooms + (isSupported ? ["TestSupport"] : []), exclude: exclude, resources: resources)
}
