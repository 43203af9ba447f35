using System.Diagnostics;
using VhostSwitch.Packets;
using VhostSwitch.Ports;
using VhostSwitch.Testpmd.Forwarding;
using VhostSwitch.Testpmd.Statistics;

namespace VhostSwitch.Testpmd.Ports;

/// <summary>A port of testpmd: a device with a number, and what the user set for it. Lives on the control thread.</summary>
internal sealed class TestPort : IDisposable
{
    private PortCounters _cleared;
    private PortCounters _shown;
    private long _shownAt;

    /// <summary>Makes a port that is started.</summary>
    /// <param name="id">Its number.</param>
    /// <param name="wanted">Its device as the user named it.</param>
    /// <param name="device">Its device, which it owns.</param>
    public TestPort(int id, Vdev wanted, PortDevice device)
    {
        Id = id;
        Wanted = wanted;
        Device = device;
        Peer = DefaultPeer(id);
    }

    /// <summary>Its number.</summary>
    public int Id { get; }

    /// <summary>Its device as the user named it. The one there is may have fewer queues.</summary>
    public Vdev Wanted { get; }

    /// <summary>Its device.</summary>
    public PortDevice Device { get; private set; }

    /// <summary>The most queue pairs that its device can have; as many as it has now where that is not for the user to say.</summary>
    public int MostQueues => Wanted.Driver.QueuesArgument is { } key ? Wanted.Number(key, 1, 1, int.MaxValue) : Device.Port.Inputs.Length;

    /// <summary>Its address, which frames are sent from. Where a device has none, a local one with the port's number; DPDK makes a random one up.</summary>
    public MacAddress Address => Device.Address ?? MacAddress.Parse($"02:70:6d:64:00:{Id:x2}");

    /// <summary>The address of whoever is behind it, which frames are sent to: <c>--eth-peer</c>.</summary>
    public MacAddress Peer { get; set; }

    /// <summary>False between <c>port stop</c> and <c>port start</c>: it is not forwarded by.</summary>
    public bool Started { get; set; } = true;

    /// <summary>What it is to do for frames that leave, as a mask of <see cref="OffloadBits"/>.</summary>
    public ulong TxOffloads { get; set; }

    /// <summary>What it is to do for frames that arrive, as a mask of <see cref="OffloadBits"/>.</summary>
    public ulong RxOffloads { get; set; }

    /// <summary>csum mode: gives frames that leave its own address and that of its peer.</summary>
    public bool SwapsAddresses { get; set; } = true;

    /// <summary>csum mode: the payload of the segments it cuts; 0 to cut none.</summary>
    public ushort SegmentSize { get; set; }

    /// <summary>True where frames can flow.</summary>
    public bool IsUp => Device.Status.StartsWith("up", StringComparison.Ordinal);

    /// <summary>The address that frames are sent to by a port where the user names none.</summary>
    /// <param name="id">The port's number.</param>
    public static MacAddress DefaultPeer(int id) => new(2 | ((ulong)(byte)id << 40));

    /// <summary>The port as it is while frames are forwarded.</summary>
    public ForwardingPort ForStreams() => new(Id, Device.Port, Address, Peer, new ChecksumSettings
    {
        TcpByPort = (TxOffloads & OffloadBits.TxTcpChecksum) != 0,
        UdpByPort = (TxOffloads & OffloadBits.TxUdpChecksum) != 0,
        SegmentSize = SegmentSize,
        RewritesAddresses = SwapsAddresses,
        ChecksNetwork = (RxOffloads & OffloadBits.RxIpChecksum) != 0,
        ChecksTcp = (RxOffloads & OffloadBits.RxTcpChecksum) != 0,
        ChecksUdp = (RxOffloads & OffloadBits.RxUdpChecksum) != 0,
    });

    /// <summary>What it has counted since the last clear.</summary>
    public PortCounters Count() => PortCounters.Of(Device) - _cleared;

    /// <summary>Has another device in place of the one it had, which is closed by now.</summary>
    /// <param name="device">The device, which it owns.</param>
    /// <param name="counted">What the port had counted: it counts on from there.</param>
    public void Replace(PortDevice device, PortCounters counted)
    {
        _cleared = default(PortCounters) - counted;
        Device = device;
    }

    /// <summary>Counts from 0 again.</summary>
    /// <returns>What it had counted, by the same reading: frames go on arriving.</returns>
    public PortCounters Clear()
    {
        var all = PortCounters.Of(Device);
        var counted = all - _cleared;
        _cleared = all;
        _shown = default;
        _shownAt = 0;
        return counted;
    }

    /// <summary>What it has counted, and how fast since this was called last.</summary>
    public PortStatistics Show()
    {
        long now = Stopwatch.GetTimestamp();
        var counters = Count();
        var since = counters - _shown;
        double seconds = Stopwatch.GetElapsedTime(_shownAt, now).TotalSeconds;
        bool first = _shownAt == 0;
        _shown = counters;
        _shownAt = now;
        return new PortStatistics(Id, counters, Rate(since.RxPackets), 8 * Rate(since.RxBytes), Rate(since.TxPackets), 8 * Rate(since.TxBytes));

        ulong Rate(ulong count) => first || seconds <= 0 ? 0 : (ulong)(count / seconds);
    }

    /// <inheritdoc/>
    public void Dispose() => Device.Dispose();
}
