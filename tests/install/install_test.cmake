# Installs the build tree to a prefix of its own, then configures, builds and runs the consumer
# project against it. -DBUILD= -DSOURCE= -DWORK= -DCOMPILER= -DFLAGS=
function(step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
step(install ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
step(configure ${CMAKE_COMMAND} -S ${SOURCE}/consumer -B ${WORK}/build -G Ninja
     -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS})
step(build ${CMAKE_COMMAND} --build ${WORK}/build)
step(run ${WORK}/build/consumer ${WORK}/checkpoint)
if(NOT output STREQUAL "ada 2 | bob 1\n")
  message(FATAL_ERROR "the consumer printed: ${output}")
endif()
step(simulate ${WORK}/build/simulated)
if(NOT output STREQUAL "ada 2 | bob 1 / eve\n")
  message(FATAL_ERROR "the simulated consumer printed: ${output}")
endif()
file(REMOVE_RECURSE ${WORK})
