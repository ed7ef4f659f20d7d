//! The modules' words of the ABI have the numbers that the crate `proxy-wasm` gives them.

use heartbeat_host::abi;
use proxy_wasm::types as sdk;

/// Compares the numbers of all variants. One that isn't named doesn't compile.
macro_rules! agree {
    ($kind:ident: $($variant:ident)+) => {
        let of_the_sdk = |word| match word {
            $(abi::$kind::$variant => sdk::$kind::$variant as u32,)+
        };
        for word in [$(abi::$kind::$variant),+] {
            assert_eq!(word as u32, of_the_sdk(word), "{}::{word:?}", stringify!($kind));
        }
    };
}

#[test]
fn every_word_of_the_abi_has_the_sdks_number() {
    agree!(Action: Continue Pause);
    agree!(LogLevel: Trace Debug Info Warn Error Critical);
    agree!(StreamType: HttpRequest);
    agree!(BufferType: HttpRequestBody HttpResponseBody HttpCallResponseBody GrpcReceiveBuffer
        PluginConfiguration);
    agree!(MapType: HttpRequestHeaders HttpResponseHeaders HttpResponseTrailers
        HttpCallResponseHeaders HttpCallResponseTrailers);
    agree!(MetricType: Counter Gauge Histogram);
    assert_eq!(abi::Status::OK.0, sdk::Status::Ok as u32);
    assert_eq!(abi::Status::INTERNAL_FAILURE.0, sdk::Status::InternalFailure as u32);
}
