;; A module that traps on every request with the header x-trap, and lets all others pass.
(module
  (import "env" "proxy_get_header_map_value"
    (func $value (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0x100) "x-trap")

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0x10000))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    ;; 0 is a request's headers, and the status of one that is there.
    (if (i32.eqz (call $value
          (i32.const 0) (i32.const 0x100) (i32.const 6) (i32.const 0) (i32.const 4)))
      (then (unreachable)))
    (i32.const 0))
)
