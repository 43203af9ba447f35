using VhostSwitch.Dataplane;
using VhostSwitch.Ports;

namespace VhostSwitch.Testpmd.Statistics;

/// <summary>What a port has counted, in DPDK's terms. Differences of two readings count too.</summary>
internal readonly record struct PortCounters
{
    /// <summary>Frames received.</summary>
    public ulong RxPackets { get; init; }

    /// <summary>Frames that arrived faster than they were taken.</summary>
    public ulong RxMissed { get; init; }

    /// <summary>Bytes received.</summary>
    public ulong RxBytes { get; init; }

    /// <summary>Frames that were no frames.</summary>
    public ulong RxErrors { get; init; }

    /// <summary>Frames sent.</summary>
    public ulong TxPackets { get; init; }

    /// <summary>Frames that were not sent for a reason that will not pass.</summary>
    public ulong TxErrors { get; init; }

    /// <summary>Bytes sent.</summary>
    public ulong TxBytes { get; init; }

    /// <summary>Reads the counters of all queues of a device.</summary>
    /// <param name="device">The device.</param>
    public static PortCounters Of(PortDevice device)
    {
        var sum = default(PortCounters);
        foreach (var block in device.InputCounters.Values)
            sum += OfInput(block);
        foreach (var block in device.OutputCounters.Values)
            sum += OfOutput(block);
        return sum;
    }

    /// <summary>Reads the counters of a receive queue.</summary>
    /// <param name="block">The counters.</param>
    public static unsafe PortCounters OfInput(CounterBlock block)
    {
        var counters = *block.Counters;
        ulong missed = counters.Drops(DropReason.InterfaceOverrun);
        ulong errors = AllDrops(counters) - missed;
        return new PortCounters { RxPackets = counters.Frames - errors, RxMissed = missed, RxBytes = counters.Bytes, RxErrors = errors };
    }

    /// <summary>Reads the counters of a transmit queue.</summary>
    /// <param name="block">The counters.</param>
    public static unsafe PortCounters OfOutput(CounterBlock block)
    {
        var counters = *block.Counters;
        return new PortCounters { TxPackets = counters.Frames, TxErrors = AllDrops(counters), TxBytes = counters.Bytes };
    }

    /// <summary>Adds.</summary>
    public static PortCounters operator +(PortCounters a, PortCounters b) => new()
    {
        RxPackets = a.RxPackets + b.RxPackets,
        RxMissed = a.RxMissed + b.RxMissed,
        RxBytes = a.RxBytes + b.RxBytes,
        RxErrors = a.RxErrors + b.RxErrors,
        TxPackets = a.TxPackets + b.TxPackets,
        TxErrors = a.TxErrors + b.TxErrors,
        TxBytes = a.TxBytes + b.TxBytes,
    };

    /// <summary>Subtracts: what was counted since.</summary>
    public static PortCounters operator -(PortCounters a, PortCounters b) => new()
    {
        RxPackets = a.RxPackets - b.RxPackets,
        RxMissed = a.RxMissed - b.RxMissed,
        RxBytes = a.RxBytes - b.RxBytes,
        RxErrors = a.RxErrors - b.RxErrors,
        TxPackets = a.TxPackets - b.TxPackets,
        TxErrors = a.TxErrors - b.TxErrors,
        TxBytes = a.TxBytes - b.TxBytes,
    };

    private static ulong AllDrops(in QueueCounters counters)
    {
        ulong sum = 0;
        for (int reason = 0; reason < DropReasons.Count; reason++)
            sum += counters.Drops((DropReason)reason);
        return sum;
    }
}
