namespace VhostSwitch.Interop;

/// <summary>What a guest's device has in rings, as QEMU's properties switch it on and off.</summary>
public sealed record RingKind(bool Packed, bool EventIndex, bool Indirect, bool ManyQueues)
{
    /// <summary>Queue pairs of a device that has several.</summary>
    public const int ManyQueuePairs = 4;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<RingKind> All { get; } =
        [.. Enumerable.Range(0, 16).Select(bits => new RingKind((bits & 8) != 0, (bits & 4) != 0, (bits & 2) != 0, (bits & 1) != 0))];

    /// <summary>As few as have every pair of values of any two properties among them.</summary>
    public static IReadOnlyList<RingKind> Pairwise { get; } = [All[0b0000], All[0b0111], All[0b1011], All[0b1101], All[0b1110]];

    /// <summary>How many queue pairs the device has.</summary>
    public int QueuePairs => ManyQueues ? ManyQueuePairs : 1;

    /// <summary>The properties of virtio-net-pci.</summary>
    public string Properties => $"packed={OnOff(Packed)},event_idx={OnOff(EventIndex)},indirect_desc={OnOff(Indirect)}";

    /// <summary>The names of those of these properties that are features and on, as the switch has them, in the order of their names.</summary>
    public IEnumerable<string> Features
    {
        get
        {
            if (EventIndex)
                yield return "EVENT_IDX";
            if (Indirect)
                yield return "INDIRECT_DESC";
            if (ManyQueues)
                yield return "MQ";
            if (Packed)
                yield return "RING_PACKED";
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Properties},queues={QueuePairs}";

    private static string OnOff(bool on) => on ? "on" : "off";
}
