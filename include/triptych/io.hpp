// triptych/io.hpp
//
// Files: what needs nlohmann-json and xxhash besides Eigen.
#pragma once

#include <triptych/io/checkpoint.hpp>     // defines: io::save_checkpoint, io::load_checkpoint
#include <triptych/io/event_log.hpp>      // defines: io::event_log
#include <triptych/io/metrics_log.hpp>    // defines: io::metrics_log
#include <triptych/io/npy.hpp>            // defines: io::save_npy
#include <triptych/io/onnx.hpp>           // defines: io::onnx_file
#include <triptych/io/run_directory.hpp>  // defines: io::run_directory
#include <triptych/io/safetensors.hpp>    // defines: io::safetensors_file, io::save_safetensors

#include <triptych/train/checkpoint.hpp>      // defines: train::save_checkpoint, train::restore
#include <triptych/train/encoder_export.hpp>  // defines: train::export_encoder
#include <triptych/train/encoder_import.hpp>  // defines: train::read_encoder, train::import_encoder
#include <triptych/train/encoder_onnx.hpp>    // defines: train::onnx_encoder
#include <triptych/train/step_dump.hpp>       // defines: train::step_dump
