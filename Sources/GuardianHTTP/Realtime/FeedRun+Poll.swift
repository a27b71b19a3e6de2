import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOHTTP1

extension FeedRun {
    /// Asks for one page and hands it over. nil when that worked; the schedule knows then.
    func readPage(refreshToken: Bool, _ watch: SilenceWatch) async -> Ending? {
        do throws(Ending) {
            let limit = pageLimit
            let since = cursor
            var path = configuration.pollPath + "?limit=\(limit)"
            if let since { path += "&since=" + PercentEncoding.encoded(since) }
            let response = try await get(path, ["accept": "application/json"], refreshToken: refreshToken, watch)
            guard let body = try await body(of: response, watch) else {
                guard limit > 1 else { throw .failed(.unreadable) }
                pageLimit = limit / 2
                schedule { $0.polled(hasMore: true, at: $1) }
                return nil
            }
            let page = try Self.page(body, limit: limit)
            pageLimit = min(limit + 1, configuration.pageLimit)
            try await deliver(page.batch)
            // A page that leads nowhere has nothing behind it, whatever it says.
            let hasMore = page.hasMore && page.batch.cursor != since
            schedule { $0.polled(hasMore: hasMore, at: $1) }
            tell(.polling)
            return nil
        } catch {
            return error
        }
    }

    /// nil when it is larger than a page may be.
    private func body(of response: HTTPClientResponse, _ watch: SilenceWatch) async throws(Ending) -> ByteBuffer? {
        var body = ByteBuffer()
        var parts = response.body.makeAsyncIterator()
        while true {
            watch.listen()
            let part: ByteBuffer?
            do { part = try await parts.next() } catch { throw .failed(.closed) }
            guard watch.hear() else { throw .failed(.silent) }
            guard var part else { return body }
            guard body.readableBytes + part.readableBytes <= configuration.pageBytes else { return nil }
            body.writeBuffer(&part)
        }
    }

    private static func page(_ body: ByteBuffer, limit: Int) throws(Ending) -> ChangePage {
        do {
            let answer = try JSONValue(parsing: String(buffer: body))
            return try ChangePage(answer["data"] ?? answer, limit: limit)
        } catch {
            throw .failed(.unreadable)
        }
    }
}
