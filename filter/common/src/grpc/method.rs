//! The methods of `grpc.health.v1.Health`.

/// A method of `grpc.health.v1.Health`.
/// <https://github.com/grpc/grpc/blob/master/src/proto/grpc/health/v1/health.proto>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcMethod {
    /// The status of one service, once.
    Check,
    /// The status of every service, once.
    List,
    /// The status of one service, now and whenever it changes.
    Watch,
}
