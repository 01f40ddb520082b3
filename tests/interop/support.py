"""What the tests of this folder share: calls of the app, files of images, safetensors."""

import json
import math
import pathlib
import subprocess

import numpy

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def call(app, *words, code=0):
    """The app's standard output; its exit code must be `code`, and then its error is the output."""
    done = subprocess.run([app, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    return done.stderr if code else done.stdout


def pictures(folder, count, side, seed=1):
    """A folder of test images, two classes, one size, and the images (N, 3, side, side) in the
    order of the app: edges, slopes and noise, as pictures have them."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:side, 0:side] / side
    images = []
    for i in range(count):
        image = numpy.zeros((side, side, 3))
        for channel in range(3):
            a, b, c, d = random.uniform(-1, 1, 4)
            image[..., channel] = 120 + 90 * numpy.sin(5 * (a * x + b * y) + c) + 40 * d
        cx, cy, r = random.uniform(0.2, 0.8, 3)
        image[(x - cx) ** 2 + (y - cy) ** 2 < r * r / 6] = random.uniform(0, 255, 3)
        image += random.normal(0, 8, image.shape)
        images.append(numpy.clip(image, 0, 255).astype(numpy.uint8))
    half = count // 2
    for part, of_part in (("train", images[:2]), ("test", images)):
        for i, image in enumerate(of_part):
            label = "a" if i < (half if part == "test" else 1) else "b"
            place = folder / part / label
            place.mkdir(parents=True, exist_ok=True)
            header = b"P6\n%d %d\n255\n" % (side, side)
            (place / f"{i:04}.ppm").write_bytes(header + image.tobytes())
    return scaled(images)


def scaled(images):
    """(N, H, W, 3) bytes as (N, 3, H, W) floats in 0..1."""
    return numpy.asarray(images, numpy.float32).transpose(0, 3, 1, 2) / numpy.float32(255)


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    types = {"F32": numpy.float32, "I32": numpy.int32, "I64": numpy.int64}
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + at for at in about["data_offsets"])
            tensors[name] = numpy.frombuffer(data[begin:end], types[about["dtype"]]).reshape(
                about["shape"]
            )
    return tensors, header.get("__metadata__", {})


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    body = b"".join(tensor.tobytes() for tensor in tensors.values())
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + body)


def resnet(stem, block, width, blocks, seed=1):
    """Weights of a ResNet under torchvision's names, as a trained one might have them."""
    random = numpy.random.default_rng(seed)
    tensors = {}

    def layer(conv, bn, out, into, kernel):
        bound = math.sqrt(6 / (into * kernel * kernel))
        tensors[conv + ".weight"] = random.uniform(-bound, bound, (out, into, kernel, kernel))
        tensors[bn + ".weight"] = random.uniform(0.5, 1, out)
        tensors[bn + ".bias"] = random.uniform(-0.2, 0.2, out)
        tensors[bn + ".running_mean"] = random.uniform(-0.2, 0.2, out)
        tensors[bn + ".running_var"] = random.uniform(0.5, 1.5, out)

    layer("conv1", "bn1", width, 3, 7 if stem == "imagenet" else 3)
    into = width
    for stage, count in enumerate(blocks):
        inner = width << stage
        out = inner * (4 if block == "bottleneck" else 1)
        for b in range(count):
            name = f"layer{stage + 1}.{b}."
            kernels = (1, 3, 1) if block == "bottleneck" else (3, 3)
            sizes = [into] + [inner] * (len(kernels) - 1) + [out]
            for i, kernel in enumerate(kernels):
                layer(f"{name}conv{i + 1}", f"{name}bn{i + 1}", sizes[i + 1], sizes[i], kernel)
            if b == 0 and (stage > 0 or into != out):
                layer(f"{name}downsample.0", f"{name}downsample.1", out, into, 1)
            into = out
    return {name: tensor.astype(numpy.float32) for name, tensor in tensors.items()}


def relative(a, b):
    """The largest difference, relative to the largest number."""
    return float(numpy.abs(a - b).max() / numpy.abs(b).max())
