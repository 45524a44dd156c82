#!/usr/bin/env bash
# Everything that is to be known of a GPU, in order of worth. A step that fails or takes too long does not stop the rest.
#
#   benchmarks/gpu_day.sh [STEP ...]       all steps, or those named, in the order given
#
#   doctor    what rtseg finds here
#   tests     pytest -m gpu
#   shipped   parity of the shipped CUDA files with their checkpoints
#   fresh     the same files exported anew, in fp16 and fp32, checked as well; `cuda` measures them beside
#   cuda      whole frames: every size, effect, tier and way
#   nodes     where the nodes of a fused frame run
#   training  pictures a second
#
# By environment: OUT (folder of the results; benchmarks/), PROVIDER (cuda, or cpu to see that all of it runs),
# FRAMES, SIZES, TIERS (lists with commas), MODEL (somebody else's .onnx), MODELS (folder of the fresh files: those that
# are there are checked and not made again; else a temporary one), PYTHON (python3), LIMIT (seconds for each step
# instead of its own).
# Exits with 1 when a step failed, with 2 for an unknown one.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
steps=(doctor tests shipped fresh cuda nodes training)
python=${PYTHON:-$(command -v python3 || echo python)}
provider=${PROVIDER:-cuda} tiers=${TIERS:-quality,balanced,fast} out=${OUT:-$here}
[ "$provider" = cuda ] && frames=${FRAMES:-200} sizes=${SIZES:-1080p,720p,4K} || frames=${FRAMES:-5} sizes=${SIZES:-360p}

[ $# -gt 0 ] && chosen=("$@") || chosen=("${steps[@]}")
for step in "${chosen[@]}"; do
    case " ${steps[*]} " in
    *" $step "*) ;;
    *) echo "gpu_day.sh: unknown step $step; there are ${steps[*]}" >&2; exit 2 ;;
    esac
done
case $provider in
cuda | cpu) ;;
*) echo "gpu_day.sh: PROVIDER is $provider; give cuda or cpu" >&2; exit 2 ;;
esac
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)
models=${MODELS:-}
if [ -z "$models" ]; then
    models=$(mktemp -d) || exit 1
    trap 'rm -rf "$models"' EXIT
fi
mkdir -p "$models" && models=$(cd "$models" && pwd) || exit 1
more=()
[ -n "${MODEL:-}" ] && more=(--model "$(realpath "$MODEL")")
cd "$root" || exit 1
export PYTHONPATH=$root:$root/train:$root/export${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

# The seconds a step may take, and its command.
step() {
    case $1 in
    doctor) echo_and 90 "$python" -m rtseg doctor --json "$out/doctor.json" ;;
    # Only the files that have such tests: the others may want packages that a measuring machine lacks.
    tests) echo_and 240 "$python" -m pytest -q -p no:cacheprovider -m gpu $(grep -l '^@pytest.mark.gpu' tests/*.py) ;;
    shipped) echo_and 150 "$python" benchmarks/cuda_parity.py --kinds shipped --tiers "$tiers" --folder "$models" \
        --json "$out/parity-shipped.json" ;;
    fresh) echo_and 240 "$python" benchmarks/cuda_parity.py --kinds fresh --tiers "$tiers" --folder "$models" \
        --json "$out/parity-fresh.json" ;;
    cuda) echo_and 420 "$python" benchmarks/cuda.py --provider "$provider" --tiers "$tiers" --sizes "$sizes" \
        --frames "$frames" --folder "$models" --json "$out/cuda.json" ${more[@]+"${more[@]}"} ;;
    nodes) echo_and 90 "$python" benchmarks/cuda_nodes.py --provider "$provider" --tiers "$tiers" \
        --json "$out/cuda-nodes.json" ;;
    training)
        if [ "$provider" = cuda ]; then
            echo_and 120 "$python" benchmarks/training.py --device cuda --arch quality,balanced,fast --threads 1 \
                --batch 64 --workers 8 --precision bf16 --json "$out/training-cuda.json"
        else
            echo_and 120 "$python" benchmarks/training.py --arch fast --threads 1 --steps 1 --batch 2 \
                --json "$out/training-cuda.json"
        fi
        ;;
    esac
}

echo_and() {
    local seconds=${LIMIT:-$1}
    shift
    echo "+ $*"
    timeout -k 10 "$seconds" "$@" 2>&1
    local code=$?
    [ $code -eq 124 ] && echo "took more than $seconds s"
    return $code
}

failed=() said=()
: >"$out/gpu-day.log"
for step in "${chosen[@]}"; do
    echo "== $step" | tee -a "$out/gpu-day.log"
    start=$(date +%s)
    step "$step" | tee -a "$out/gpu-day.log"
    code=${PIPESTATUS[0]}
    said+=("\"$step\": {\"exit\": $code, \"seconds\": $(($(date +%s) - start))}")
    [ "$code" -eq 0 ] || failed+=("$step ($code)")
    (IFS=,; printf '{"provider": "%s", "steps": {%s}}\n' "$provider" "${said[*]}") >"$out/gpu-day.json"
done
echo "== done: ${chosen[*]}"
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}"
    exit 1
fi
echo "all well"
