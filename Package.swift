// swift-tools-version:6.2
import PackageDescription

/// One set of compiler settings for every target.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOTLS", package: "swift-nio"),
]
let embedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
/// gzip for bodies: the coders of swift-nio-extras are channel handlers, which run in an embedded channel.
let compression: [Target.Dependency] = [
    .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
    embedded,
]
let hummingbird: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"),
    .product(name: "HummingbirdTLS", package: "hummingbird"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
]
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle: [Target.Dependency] = [
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    .product(name: "UnixSignals", package: "swift-service-lifecycle"),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let certificates: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// Tests are compiled without optimization, which takes a fifth of the time; what they test is optimized.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    let unoptimized = SwiftSetting.unsafeFlags(["-Onone"], .when(configuration: .release))
    return .testTarget(name: name, dependencies: dependencies, swiftSettings: settings + [unoptimized])
}

let package = Package(
    name: "GuardianSync",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .visionOS(.v2)],
    products: [
        .library(name: "GuardianSync", targets: ["GuardianSync"]),
        .library(name: "GuardianCore", targets: ["GuardianCore"]),
        .library(name: "GuardianSQLite", targets: ["GuardianSQLite"]),
        .library(name: "GuardianHTTP", targets: ["GuardianHTTP"]),
        .library(name: "GuardianPrivacy", targets: ["GuardianPrivacy"]),
        .library(name: "GuardianTelemetry", targets: ["GuardianTelemetry"]),
        .library(name: "GuardianPostgres", targets: ["GuardianPostgres"]),
        .library(name: "GuardianTesting", targets: ["GuardianTesting"]),
        .executable(name: "guardian", targets: ["guardian"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Without its support for swift-configuration, which nothing here reads.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        library("GuardianCore"),
        library("GuardianPrivacy", ["GuardianCore", crypto]),
        library("GuardianSQLite", ["GuardianCore", "GuardianPrivacy", grdb, .product(name: "GRDBSQLite", package: "GRDB.swift")]),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        library("GuardianPostgres", ["GuardianCore", "CLibPQ"]),
        library("GuardianHTTP", ["GuardianCore", "GuardianPrivacy", httpClient, crypto] + certificates + compression + nio),
        library("GuardianTelemetry", ["GuardianCore", "GuardianPrivacy", logging, metrics, tracing, histogram, httpClient] + nio),
        library(
            "GuardianServer",
            [
                "GuardianCore", "GuardianPrivacy", logging, lifecycle[0], histogram, crypto,
                .product(name: "Mustache", package: "swift-mustache"),
            ] + hummingbird + nio),
        library("GuardianBackend", [logging, lifecycle[0]] + hummingbird + compression + nio),
        library("GuardianLoad", ["GuardianCore", "GuardianHTTP", histogram, httpClient] + nio),
        library(
            "GuardianRuntime",
            [
                "GuardianCore", "GuardianPrivacy", "GuardianSQLite", "GuardianPostgres", "GuardianHTTP", "GuardianTelemetry",
                "GuardianServer", logging, tracing,
                .product(name: "Yams", package: "Yams"),
            ] + lifecycle),
        library("GuardianTesting", ["GuardianCore"]),
        library("GuardianSync", ["GuardianCore", "GuardianPrivacy", "GuardianSQLite", "GuardianHTTP"]),
        .executableTarget(
            name: "guardian",
            dependencies: [
                "GuardianRuntime", "GuardianServer", "GuardianBackend", "GuardianLoad", "GuardianCore", "GuardianSQLite",
                "GuardianPostgres",
                "GuardianHTTP", "GuardianPrivacy", "GuardianTelemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"), httpClient,
            ] + lifecycle + nio,
            swiftSettings: settings),
        .executableTarget(
            name: "guardian-bench",
            dependencies: [
                "GuardianCore", "GuardianPrivacy", "GuardianSQLite", "GuardianPostgres", "GuardianHTTP", "GuardianBackend", httpClient,
            ] + nio,
            path: "Benchmarks/Swift", swiftSettings: settings),
        // Servers in the place of others, for tests of several targets.
        .target(
            name: "TestServers", dependencies: ["GuardianCore", logging, lifecycle[0]] + hummingbird + nio, path: "Tests/TestServers",
            swiftSettings: settings),
        tests("GuardianCoreTests", ["GuardianCore", "GuardianTesting"]),
        tests("GuardianPrivacyTests", ["GuardianCore", "GuardianPrivacy", crypto]),
        tests(
            "GuardianTelemetryTests",
            [
                "GuardianCore", "GuardianPrivacy", "GuardianTelemetry", "GuardianTesting", httpClient, logging, tracing,
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"), "TestServers",
            ] + nio),
        tests("GuardianPostgresTests", ["GuardianCore", "GuardianPostgres", "GuardianSQLite", "GuardianTesting"]),
        tests("GuardianSQLiteTests", ["GuardianCore", "GuardianPrivacy", "GuardianSQLite", "GuardianTesting", grdb, crypto]),
        tests(
            "GuardianHTTPTests",
            [
                "GuardianCore", "GuardianHTTP", "GuardianBackend", "GuardianTesting",
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
            ] + hummingbird + compression + nio),
        tests(
            "GuardianServerTests",
            ["GuardianCore", "GuardianServer", "GuardianTelemetry", "GuardianTesting", httpClient, embedded] + hummingbird + nio),
        tests("GuardianBackendTests", ["GuardianBackend", httpClient] + hummingbird + compression + nio),
        tests(
            "GuardianRuntimeTests",
            [
                "GuardianCore", "GuardianHTTP", "GuardianPrivacy", "GuardianRuntime", "GuardianServer", "GuardianTelemetry",
                "GuardianTesting",
            ]),
        tests("GuardianLoadTests", ["GuardianCore", "GuardianLoad", "GuardianBackend", "GuardianSQLite", "GuardianHTTP"]),
        tests("GuardianTestingTests", ["GuardianCore", "GuardianTesting"]),
        tests("GuardianSyncTests", ["GuardianCore", "GuardianSync", "GuardianTesting"]),
        tests(
            "IntegrationTests",
            ["GuardianCore", "GuardianSQLite", "GuardianHTTP", "GuardianBackend", "GuardianTesting", "GuardianLoad", httpClient] + nio),
        tests("SimulationTests", ["GuardianCore", "GuardianTesting", "GuardianSQLite"]),
        tests("ProcessTests", ["GuardianLoad", "GuardianCore", "GuardianSQLite", "GuardianBackend", "TestServers", grdb]),
        // An app that the process tests kill.
        .executableTarget(
            name: "killed-app", dependencies: ["GuardianCore", "GuardianSQLite", "GuardianHTTP", grdb], path: "Tests/KilledApp",
            swiftSettings: settings),
        tests("TidyTests"),
    ]
)

#if !os(Linux)
    // They start and watch processes as Linux has them.
    package.targets.removeAll { $0.name == "ProcessTests" }
#endif
