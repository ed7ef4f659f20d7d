;; The least that a module in Envoy can cost which does what ours does: it is called as
;; often, reads as much, answers and counts, and decides nothing. What ours costs beyond
;; it is our own work; what it costs itself is the price of Wasm in Envoy.
;;
;; A configuration of one byte lets all requests pass; another answers them all.
(module
  (import "env" "proxy_get_header_map_pairs"
    (func $headers (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))

  ;; 16 pages from 0x10000 on are for what Envoy hands over.
  (memory (export "memory") 17)
  (global $answers (mut i32) (i32.const 0))
  (global $counter i32 (i32.const 0))
  (global $histogram i32 (i32.const 4))
  (global $output i32 (i32.const 8))

  (data (i32.const 0x100) "least_total")
  (data (i32.const 0x120) "least_duration_ms")
  (data (i32.const 0x140) "least")
  (data (i32.const 0x160) "{\"status\":\"ok\",\"timestamp\":\"2026-01-01T00:00:00.000Z\"}")
  ;; A header map: the number of pairs, the sizes of their names and values, the texts.
  (data (i32.const 0x200)
    "\04\00\00\00"
    "\26\00\00\00\05\00\00\00" "\12\00\00\00\05\00\00\00"
    "\0c\00\00\00\10\00\00\00" "\0d\00\00\00\08\00\00\00"
    "x-envoy-upstream-healthchecked-cluster\00bench\00"
    "x-heartbeat-status\00ready\00"
    "content-type\00application/json\00"
    "cache-control\00no-store\00")

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0x10000))
  (func (export "proxy_on_context_create") (param i32 i32))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (global.set $answers (i32.ne (local.get $size) (i32.const 1)))
    (drop (call $define
      (i32.const 0) (i32.const 0x100) (i32.const 11) (global.get $counter)))
    (drop (call $define
      (i32.const 2) (i32.const 0x120) (i32.const 17) (global.get $histogram)))
    (i32.const 1))

  (func (export "proxy_on_request_headers")
    (param $stream i32) (param $count i32) (param $ended i32) (result i32)
    (drop (call $headers (i32.const 0) (global.get $output) (global.get $output)))
    (if (i32.eqz (global.get $answers)) (then (return (i32.const 0))))
    (drop (call $now (global.get $output)))
    (drop (call $answer
      (i32.const 200)
      (i32.const 0x140) (i32.const 5)
      (i32.const 0x160) (i32.const 54)
      (i32.const 0x200) (i32.const 159)
      (i32.const -1)))
    (drop (call $increment (i32.load (global.get $counter)) (i64.const 1)))
    (drop (call $record (i32.load (global.get $histogram)) (i64.const 0)))
    (i32.const 1))

  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_trailers") (param i32 i32) (result i32) (i32.const 0))

  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_delete") (param i32))
)
