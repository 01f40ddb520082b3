// triptych/method/all.hpp
//
// Every method, for programs and tests that take all of them. One more is one more line here: the
// options of a header of this folder.
#pragma once

#include <triptych/core/part_list.hpp>
#include <triptych/method/barlow_twins.hpp>
#include <triptych/method/byol.hpp>
#include <triptych/method/fast_moco.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/method/moco.hpp>
#include <triptych/method/moco_v3.hpp>
#include <triptych/method/msf.hpp>
#include <triptych/method/nnclr.hpp>
#include <triptych/method/simclr.hpp>
#include <triptych/method/simsiam.hpp>
#include <triptych/method/swav.hpp>

namespace triptych::method {

/// In the order of the paper's Table 1, others behind.
using all = part_list<moco_options,          //
                      simsiam_options,       //
                      simclr_options,        //
                      byol_options,          //
                      nnclr_options,         //
                      fast_moco_options,     //
                      mncl_options,          //
                      barlow_twins_options,  //
                      moco_v3_options,       //
                      msf_options,           //
                      swav_options>;

}  // namespace triptych::method
