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
        string[] paths = [.. Enumerable.Range(0, settings.Ports!.Value).Select(i => Path.Combine(_folder, $"{i}"))];
        foreach (string path in paths)
            server.Listen(path);
        var control = new Thread(_loop.Run) { Name = "control" };
        control.Start();
        var guests = new List<LeanGuest>();
        try
        {
            foreach (string path in paths)
                guests.Add(new LeanGuest(path, MacOf(guests.Count), MacOf(guests.Count ^ 1), settings));
            var (first, second) = (guests[0], guests[1]);
            Run(first, second, time);
            if (first.Changed + second.Changed + first.Lost + second.Lost is not 0 and var wrong)
                throw new InvalidOperationException($"{wrong} frames were lost or changed");
        }
        finally
        {
            guests.ForEach(guest => guest.Dispose());
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
        if (!SpinWait.SpinUntil(() => _host.Inputs.Length == settings.Ports, ConnectLimit))
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
            if (start > settled && frames == 2 * Burst.MaxFrames)
                _costs.Add((Stopwatch.GetTimestamp() - start) * NsPerTick / frames);
        }
    }

    // Its last two bytes are the guest's to count its addresses with.
    private static MacAddress MacOf(int guest) => MacAddress.Parse($"02:00:00:{guest:x2}:00:00");

    // A poll thread's round in short: all frames of a burst are for one output, or for all others.
    private int Forward(InputQueue[] inputs, BridgeForwarder forwarder)
    {
        ushort* everything = stackalloc ushort[Burst.MaxFrames];
        for (int i = 0; i < Burst.MaxFrames; i++) everything[i] = (ushort)i;
        int frames = 0;
        foreach (var input in inputs)
        {
            if (input.LooksEmpty) continue;
            input.Receive(_burst);
            if (_burst.Count == 0) continue;
            frames += _burst.Count;
            forwarder.Decide(_burst, input.PortId);
            ushort output = _burst.Frames->Output;
            foreach (var port in _host.Topology.Attached)
            {
                if (port.Id == input.PortId || port.Outputs.Length == 0 || (output != port.Id && output != Frame.Flood)) continue;
                port.Outputs[0].Send(_burst, everything, _burst.Count);
                port.Outputs[0].DecideNotification();
            }
            input.Return(_burst);
            input.DecideNotification();
        }
        return frames;
    }
}
