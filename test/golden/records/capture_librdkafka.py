"""Makes log segments with librdkafka's producer. See README.md. Arguments: bootstrap, log folder of the broker, output folder."""
import glob
import random
import sys
import time

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic


def delivered(error, _message):
    if error is not None:
        raise KafkaException(error)


bootstrap, logs, out = sys.argv[1:4]
admin = AdminClient({"bootstrap.servers": bootstrap})
for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
    topic = f"golden-librdkafka-{codec}-{time.time_ns()}"
    config = {"retention.ms": "-1", "segment.ms": "9000000000000"}
    for future in admin.create_topics([NewTopic(topic, 1, 1, config=config)]).values():
        future.result()
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 1000, "enable.idempotence": True})
    chance = random.Random(3)
    for i in range(60):
        value = None if i % 9 == 4 else bytes([97 + i % 26]) * 700 + chance.randbytes(i)
        headers = [("twice", b"1"), ("twice", None), ("", b"")] if i % 3 == 0 else None
        key = None if i % 4 == 1 else b"" if i % 4 == 2 else b"key-%d" % i
        # 0 would mean "now" to this client.
        producer.produce(topic, value, key, partition=0, timestamp=1 + (i * 7919 % 60) * 29_000_000_000, headers=headers, on_delivery=delivered)
    assert producer.flush(30) == 0
    with open(f"{out}/librdkafka-{codec}.log", "wb") as target:
        for segment in sorted(glob.glob(f"{logs}/{topic}-0/*.log")):
            target.write(open(segment, "rb").read())
