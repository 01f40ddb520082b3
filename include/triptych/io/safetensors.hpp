// triptych/io/safetensors.hpp
//
// The safetensors format: eight bytes of header length (little-endian), a JSON header, and the
// tensors' bytes. The reader refuses whatever the format forbids (holes, overlaps, trailing bytes,
// duplicate keys, sizes that do not fit their shape) before a byte of data is looked at; the writer
// produces what the reference implementation would: tensors by descending dtype, then by name, the
// header padded so that each tensor is aligned. Format: huggingface/safetensors, README.
// Cost: reading and writing each touch the data once.
#pragma once

#include <triptych/io/safetensors_format.hpp>
#include <triptych/io/safetensors_reading.hpp>
#include <triptych/io/safetensors_writing.hpp>
