# The target `demo`: train the three-network method on generated images, evaluate the encoder, and make
# the page of the run.
# Every number that shapes it stands in this list.
set(triptych_demo_train
  --data procedural --procedural-train 4000 --width 16 --blocks 1,1,1,1 --epochs 8 --batch 64 --lr 0.1
  --temperature 0.2 --head 256,256 --predictor-hidden 128 --queue 2048 --seed 1)
set(triptych_demo_eval --protocol logistic,knn)

set(triptych_demo_run ${PROJECT_SOURCE_DIR}/runs/demo)
add_custom_target(demo
  COMMAND triptych_app train ${triptych_demo_train} --out ${triptych_demo_run} --overwrite
  COMMAND triptych_app eval ${triptych_demo_run} ${triptych_demo_eval}
  COMMAND triptych_app report ${triptych_demo_run} --out ${triptych_demo_run}/report.html
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
  COMMENT "Training on generated images, then evaluating, then a page: ${triptych_demo_run}"
  USES_TERMINAL VERBATIM)
