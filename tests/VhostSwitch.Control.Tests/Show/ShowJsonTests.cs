using System.Text.Json;
using VhostSwitch.Control.Show;
using VhostSwitch.Control.Statistics;

namespace VhostSwitch.Control.Tests.Show;

public class ShowJsonTests
{
    [Fact]
    public void HasThisShape() => Assert.Equal(
        """
        {
          "version": "0.1.0",
          "mode": "vmdq",
          "ports": [
            {
              "name": "vm0",
              "driver": "net_vhost",
              "device": 0,
              "endpoint": "/tmp/[red]vm0",
              "status": "up (queues 2 of 2)",
              "features": [
                "VERSION_1",
                "MRG_RXBUF"
              ],
              "protocol_features": [
                "MQ"
              ],
              "memory_regions": 2,
              "memory_bytes": 268435456,
              "queues": [
                {
                  "index": 0,
                  "direction": "to-guest",
                  "poll_thread": null,
                  "size": 256,
                  "enabled": true,
                  "frames": 10,
                  "bytes": 640,
                  "notifications": 3,
                  "drops": {
                    "runt": 0,
                    "receiver_full": 4
                  }
                },
                {
                  "index": 1,
                  "direction": "from-guest",
                  "poll_thread": 0,
                  "size": 1024,
                  "enabled": false,
                  "frames": 18446744073709551615,
                  "bytes": 7,
                  "notifications": 0,
                  "drops": {
                    "runt": 1
                  }
                }
              ],
              "drops_total": 5
            },
            {
              "name": "vm1",
              "driver": "net_vhost",
              "device": null,
              "endpoint": "/tmp/vm1",
              "status": "waiting for a front-end",
              "features": [],
              "protocol_features": [],
              "memory_regions": 0,
              "memory_bytes": 0,
              "queues": [],
              "drops_total": 0
            }
          ],
          "mac_table": [
            {
              "mac": "00:01:02:03:04:05",
              "vlan": 1000,
              "port": "vm0",
              "age_s": null
            },
            {
              "mac": "00:01:02:03:04:06",
              "vlan": 0,
              "port": "vm0",
              "age_s": 12
            }
          ],
          "poll_threads": [
            {
              "index": 0,
              "core": 1,
              "state": "polling",
              "queues": 1,
              "frames": 99,
              "busy_share": 0.125,
              "frames_per_second": 1250000,
              "ns_per_frame": 100,
              "cycles_per_frame": 260.5,
              "mean_burst": 31.9,
              "gc_collections": 0,
              "allocated_bytes": 0
            },
            {
              "index": 1,
              "core": -1,
              "state": "sleeping",
              "queues": 0,
              "frames": 0,
              "busy_share": 0,
              "frames_per_second": 0,
              "ns_per_frame": null,
              "cycles_per_frame": null,
              "mean_burst": null,
              "gc_collections": 0,
              "allocated_bytes": 0
            }
          ],
          "runtime": {
            "collections": 1,
            "pause_us": 250,
            "allocated_bytes": 4096
          },
          "steering": {
            "by": "hardware",
            "reason": "eth1 sorts for 1 of 1 pools into 2 queues"
          },
          "bridges": [
            {
              "name": "br0",
              "status": {
                "mirrors": "no effect"
              },
              "ports": [
                {
                  "name": "vm0",
                  "number": 1,
                  "type": "dpdkvhostuser",
                  "note": null
                },
                {
                  "name": "vm9",
                  "number": null,
                  "type": "tap",
                  "note": "not built"
                }
              ]
            }
          ]
        }
        """,
        ShowJson.Write(Sample.Snapshot));

    [Fact]
    public void ReadsWhatItWrites() =>
        Assert.Equal(ShowJson.Write(Sample.Snapshot), ShowJson.Write(ShowJson.ReadSnapshot(ShowJson.Write(Sample.Snapshot))));

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("OVS text")]
    [InlineData("""{"version":null,"mode":"bridge","ports":[],"mac_table":[],"poll_threads":[]}""")]
    [InlineData("""{"version":"1","mode":"router","ports":[],"mac_table":[],"poll_threads":[]}""")]
    public void RefusesWhatIsNoSnapshot(string json) => Assert.Throws<JsonException>(() => ShowJson.ReadSnapshot(json));

    [Fact]
    public void WritesStatistics() => Assert.Equal(
        """
        [
          {
            "device": 0,
            "tx_total": 9,
            "tx_dropped": 2,
            "tx_successful": 7,
            "rx_total": 5,
            "rx_dropped": 0,
            "rx_successful": 5
          }
        ]
        """,
        ShowJson.Write([new DeviceStatistics(0, 9, 7, 5, 5)]));

    [Fact]
    public void WritesTheMacTable() => Assert.StartsWith("[\n  {\n    \"mac\": \"00:01:02:03:04:05\",", ShowJson.Write(Sample.Snapshot.MacTable));
}
