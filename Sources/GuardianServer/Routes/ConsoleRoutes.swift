import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore

/// Every route of the console. Each handler asks for the role that it needs.
struct ConsoleRoutes: Sendable {
    let console: Console
    /// The store that is open now; throws a ``Problem`` while there is none.
    let api: @Sendable () throws -> API

    private func pages() throws -> ConsolePages { ConsolePages(console: console, api: try api()) }

    func add(to router: Router<ServerContext>) {
        let group = router.group("admin").add(
            middleware: ConsoleShield(views: console.views, isSecure: console.configuration.isSecure))
        addDoors(group)
        addPages(group)
        addActions(group)
        refuseOthers(router, group)
        for method in Self.methods {
            group.on("**", method: method) { _, _ -> Response in throw Problem(.notFound, "not found", "there is nothing at this path") }
        }
    }

    /// What a client may ask with. HEAD comes as GET, but to a stream.
    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace]

    /// Makes a method that a path does not take 405 there, with those that it takes.
    private func refuseOthers(_ router: Router<ServerContext>, _ group: RouterGroup<ServerContext>) {
        let routes = router.routes.filter { $0.path.description.hasPrefix("/admin") }
        for (path, known) in Dictionary(grouping: routes, by: \.path.description) {
            var taken = known.map(\.method)
            if taken.contains(.get), !Endpoints.isStream(path) { taken.append(.head) }
            let allowed = taken.map(\.rawValue).sorted()
            for method in Self.methods where !taken.contains(method) {
                group.on(RouterPath(String(path.dropFirst("/admin".count))), method: method) { request, _ -> Response in
                    throw Problem.wrongMethod(request, allowed: allowed)
                }
            }
        }
    }

    private func addDoors(_ group: RouterGroup<ServerContext>) {
        let login = LoginRoutes(console: console)
        group.get("assets/:name") { request, context in try Self.asset(request, try context.parameters.require("name")) }
        group.get("login") { request, _ in login.form(request) }
        group.post("login") { request, context in
            try ConsolePages.checkOrigin(request)
            return try await login.logIn(request, context)
        }
        group.get("session") { request, context in
            let pages = try pages()
            _ = try pages.look(request, context, keepsAlive: false)
            return Response(status: .noContent)
        }
        group.post("logout") { request, context in
            let pages = try pages()
            return login.leave(try await pages.act(request, context, role: .viewer))
        }
    }

    private func addPages(_ group: RouterGroup<ServerContext>) {
        func page(_ path: RouterPath, _ make: @escaping @Sendable (ConsolePages, Visit) async throws -> ConsolePages.Page) {
            group.get(path) { request, context in
                let pages = try pages()
                let visit = try pages.look(request, context)
                return try await pages.html(try await make(pages, visit), visit)
            }
        }
        page("") { try await $0.overview($1) }
        page("failures") { pages, _ in try await pages.failures() }
        page("blocked") { try await $0.blocked($1) }
        page("alerts") { pages, _ in await pages.alerts() }
        page("logs") { try await $0.logs($1) }
        page("jobs") { $0.jobs($1) }
        page("configuration") { pages, _ in pages.configuration() }
        page("audit") { try $0.auditLog($1) }
        group.get("operations") { request, context in
            let pages = try pages()
            return try await pages.operations(try pages.look(request, context))
        }
        group.get("operations/:id") { request, context in
            let pages = try pages()
            let visit = try pages.look(request, context)
            return try await pages.html(try await pages.operation(try API.id(context), visit), visit)
        }
        group.get("live") { request, context in
            let pages = try pages()
            return pages.live(try pages.look(request, context, keepsAlive: false))
        }
        group.get("logs/live") { request, context in
            let pages = try pages()
            return try pages.tail(try pages.look(request, context, keepsAlive: false))
        }
    }

    private func addActions(_ group: RouterGroup<ServerContext>) {
        for action in ConsoleAction.allCases {
            group.get("actions/\(action.rawValue)") { request, context in
                let pages = try pages()
                let visit = try pages.look(request, context, role: action.role)
                return try await pages.html(try await pages.confirm(action, visit), visit)
            }
            group.post("actions/\(action.rawValue)") { request, context in
                let pages = try pages()
                return try await pages.perform(action, try await pages.act(request, context, role: action.role))
            }
        }
        for isPaused in [true, false] {
            group.post(isPaused ? "actions/pause" : "actions/resume") { request, context in
                let pages = try pages()
                return try await pages.pause(isPaused, try await pages.act(request, context, role: .operator))
            }
        }
        group.get("bulk") { request, context in
            let pages = try pages()
            let visit = try pages.look(request, context, role: .operator)
            return try await pages.html(try await pages.confirmBulk(visit), visit)
        }
        group.post("bulk") { request, context in
            let pages = try pages()
            return try await pages.startBulk(try await pages.act(request, context, role: .operator))
        }
        group.post("jobs/:number/stop") { request, context in
            let pages = try pages()
            let visit = try await pages.act(request, context, role: .operator)
            return try pages.stopJob(Int(try context.parameters.require("number")) ?? 0, visit)
        }
        group.get("operations/:id/cancel") { request, context in
            let pages = try pages()
            let visit = try pages.look(request, context, role: .operator)
            return try await pages.html(try await pages.confirmCancel(try API.id(context)), visit)
        }
        for (name, perform) in [("retry", ConsolePages.retry), ("cancel", ConsolePages.cancel), ("resolve", ConsolePages.resolve)] {
            group.post("operations/:id/\(name)") { request, context in
                let pages = try pages()
                return try await perform(pages)(try API.id(context), try await pages.act(request, context, role: .operator))
            }
        }
    }

    /// A file of the console's own, which may be kept as long as its version stands in the URL.
    private static func asset(_ request: Request, _ name: String) throws -> Response {
        guard let asset = ConsoleViews.assets[name] else { throw Problem(.notFound, "not found", "there is nothing at this path") }
        let tag = "\"\(ConsoleViews.assetVersion)\""
        let isCurrent = request.uri.query == ConsoleViews.assetVersion
        var response =
            EntityTag.isNamed(tag, in: request.headers[.ifNoneMatch], weakly: true)
            ? Response(status: .notModified) : Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: asset.body)))
        response.headers[.contentType] = asset.type
        response.headers[.eTag] = tag
        response.headers[.cacheControl] = isCurrent ? "private, max-age=31536000, immutable" : "no-cache"
        return response
    }
}
