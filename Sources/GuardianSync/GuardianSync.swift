/// One import for apps: the engine, its SQLite store and its HTTP transport.
@_exported public import GuardianCore
@_exported public import GuardianHTTP
@_exported public import GuardianPrivacy
@_exported public import GuardianSQLite
