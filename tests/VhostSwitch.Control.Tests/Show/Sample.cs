using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Show;

namespace VhostSwitch.Control.Tests.Show;

/// <summary>A switch with one guest that is up and one socket that waits.</summary>
internal static class Sample
{
    public static readonly SwitchSnapshot Snapshot = new(
        "0.1.0",
        SwitchMode.Vmdq,
        [
            new PortSnapshot("vm0", "net_vhost", 0, "/tmp/[red]vm0", "up (queues 2 of 2)", ["VERSION_1", "MRG_RXBUF"], ["MQ"], 2, 268435456,
            [
                new QueueSnapshot(0, QueueDirection.ToGuest, null, 256, true, 10, 640, 3, new Dictionary<string,
                    ulong> { ["runt"] = 0, ["receiver_full"] = 4 }),
                new QueueSnapshot(1, QueueDirection.FromGuest, 0, 1024, false, ulong.MaxValue, 7, 0, new Dictionary<string, ulong> { ["runt"] = 1 }),
            ]),
            new PortSnapshot("vm1", "net_vhost", null, "/tmp/vm1", "waiting for a front-end", [], [], 0, 0, []),
        ],
        [new MacTableEntry("00:01:02:03:04:05", 1000, "vm0", null), new MacTableEntry("00:01:02:03:04:06", 0, "vm0", 12)],
        [new PollThreadSnapshot(0, 1, "polling", 1, 99, 0.125, 1250000, 100, 260.5, 31.9, 0, 0), new PollThreadSnapshot(1, -1, "sleeping", 0, 0, 0, 0, null, null, null, 0, 0)])
    {
        Runtime = new RuntimeSnapshot(1, 250, 4096),
        Steering = new SteeringSnapshot("hardware", "eth1 sorts for 1 of 1 pools into 2 queues"),
        Bridges =
        [
            new BridgePorts("br0", new Dictionary<string, string> { ["mirrors"] = "no effect" },
                [new BridgePort("vm0", 1, "dpdkvhostuser", null), new BridgePort("vm9", null, "tap", "not built")]),
        ],
    };
}
