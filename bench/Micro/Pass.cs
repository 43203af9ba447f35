using System.Diagnostics;
using VhostSwitch.Bench.Paths;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Ports.NetVhost;
using VhostSwitch.Switching;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;

namespace VhostSwitch.Bench.Micro;

/// <summary>
/// What a pass of the switch costs when nothing has to come from another core: guests and switch take turns on one thread, and only the switch's turns
/// are timed. What is above it in a run on two cores is the way of cache lines between them.
/// </summary>
internal sealed unsafe class Pass(GuestQueueFactory factory, Settings settings) : IDisposable
{
    private static readonly MacAddress FirstMac = MacAddress.Parse("02:00:00:01:00:00"), SecondMac = MacAddress.Parse("02:00:00:02:00:00");

    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(20);

    // A TimeSpan counts in units of 100.
    private static readonly double NsPerTick = 1e9 / Stopwatch.Frequency;

    private readonly string _folder = Directory.CreateTempSubdirectory("micro-").FullName;
    private readonly EventLoop _loop = new();
    private readonly PassHost _host = new();
    private readonly MacTable _table = new();
    private readonly Burst _burst = new() { Routes = new FrameRoutes() };
    private readonly List<double> _costs = [];

    /// <summary>Measures for a time.</summary>
    /// <returns>Nanoseconds a frame, of passes with full bursts: the median.</returns>
    /// <exception cref="InvalidOperationException">A frame was lost or changed.</exception>
    public double Measure(TimeSpan time)
    {
        var options = new DeviceOptions(
            DeviceOptions.BasicFeatures | Virtio.Features.MrgRxbuf, DeviceOptions.BasicProtocolFeatures, DeviceOptions.MostQueuePairs);
        using var server = new VhostServer(_loop, _host, options, factory);
        string[] paths = [Path.Combine(_folder, "first"), Path.Combine(_folder, "second")];
        foreach (string path in paths)
            server.Listen(path);
        var control = new Thread(_loop.Run) { Name = "control" };
        control.Start();
        try
        {
            using var first = new LeanGuest(paths[0], FirstMac, SecondMac, settings);
            using var second = new LeanGuest(paths[1], SecondMac, FirstMac, settings);
            Run(first, second, time);
            if (first.Changed + second.Changed + first.Lost + second.Lost is not 0 and var wrong)
                throw new InvalidOperationException($"{wrong} frames were lost or changed");
        }
        finally
        {
            _loop.Stop();
            control.Join();
        }
        _costs.Sort();
        return _costs[_costs.Count / 2];
    }

    public void Dispose()
    {
        _burst.Dispose();
        _table.Dispose();
        _loop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Run(LeanGuest first, LeanGuest second, TimeSpan time)
    {
        var forwarder = new BridgeForwarder(_table);
        if (!SpinWait.SpinUntil(() => _host.Inputs.Length == 2, ConnectLimit))
            throw new TimeoutException($"the guests' rings do not run within {ConnectLimit.TotalSeconds} s");
        var inputs = _host.Inputs;
        var clock = new GuestClock();
        first.Meet(second, clock);
        second.Meet(first, clock);
        first.Begin(new Traffic(null), sends: true);
        second.Begin(new Traffic(null), sends: true);
        // Until the code is compiled for good as well.
        long settled = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 2, end = settled + (long)(time.TotalSeconds * Stopwatch.Frequency);
        for (long start = 0; start < end;)
        {
            first.Poll();
            second.Poll();
            start = Stopwatch.GetTimestamp();
            int frames = Forward(inputs, forwarder);
            if (start > settled && frames == inputs.Length * Burst.MaxFrames)
                _costs.Add((Stopwatch.GetTimestamp() - start) * NsPerTick / frames);
        }
    }

    // A poll thread's round in short: every frame is for one output, or for all others.
    private int Forward(InputQueue[] inputs, BridgeForwarder forwarder)
    {
        ushort* everything = stackalloc ushort[Burst.MaxFrames];
        for (int i = 0; i < Burst.MaxFrames; i++) everything[i] = (ushort)i;
        int frames = 0;
        foreach (var input in inputs)
        {
            input.Receive(_burst);
            if (_burst.Count == 0) continue;
            frames += _burst.Count;
            forwarder.Decide(_burst, input.PortId);
            foreach (var port in _host.Topology.Attached)
            {
                if (port.Id == input.PortId || port.Outputs.Length == 0) continue;
                port.Outputs[0].Send(_burst, everything, _burst.Count);
                port.Outputs[0].DecideNotification();
            }
            input.Return(_burst);
            input.DecideNotification();
        }
        return frames;
    }
}
