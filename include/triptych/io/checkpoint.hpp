// triptych/io/checkpoint.hpp
//
// Checkpoints that survive kill -9, full disks and power cuts, and that never load damaged. A
// checkpoint is a directory of safetensors files and a MANIFEST.json with their sizes and
// checksums:
//
//   checkpoints/step-000123/{model.safetensors, ..., MANIFEST.json}      latest -> step-000123
//
// Saving: make .tmp-step-N-<pid>, write and sync each file, the manifest last, rename the directory
// into place, sync its parent, swing `latest` by rename, prune. `latest` is the commit: until it is
// swung the previous checkpoint is the newest. Only what the directory's list (owned_names.hpp)
// names is replaced or pruned. Loading: the manifest, then sizes, then checksums,
// then the files' own structure; the caller sees nothing before all has passed.
// The manifest ends in a seal, the XXH64 of its own text before it, so that no bit can change
// unseen. Failpoints (failpoint.hpp), in order: checkpoint.begun, .files, .manifest, .renamed,
// .latest, .pruned. Cost: one pass over the data each way; saving is bound by the disk.
#pragma once

#include <triptych/io/checkpoint_list.hpp>
#include <triptych/io/checkpoint_loading.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/checkpoint_saving.hpp>
