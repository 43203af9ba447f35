using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Ports;
using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Forwarding;
using VhostSwitch.Testpmd.Modes;
using VhostSwitch.Testpmd.Ports;
using VhostSwitch.Testpmd.Statistics;

namespace VhostSwitch.Testpmd;

/// <summary>
/// A running testpmd: its ports, what the user set, and whether it forwards. Lives on the control thread; commands are carried out there.
/// </summary>
internal sealed class Session : IDisposable
{
    private readonly PortContext _context;
    private readonly StreamHost _host = new();
    private readonly SortedDictionary<int, TestPort> _ports = [];
    private readonly TestpmdConfiguration _configuration;
    private readonly Dictionary<int, PortCounters> _baseline = [];
    private readonly Dictionary<FrameStream, StreamCounters> _streamBaseline = [];
    private readonly List<FrameLog> _logs = [];
    private FrameStream[] _streams = [];

    /// <summary>Makes a session without ports.</summary>
    /// <param name="configuration">What was asked for.</param>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="memory">Where devices take memory from.</param>
    /// <param name="output">Where lines go.</param>
    public Session(TestpmdConfiguration configuration, EventLoop loop, FrameMemory memory, TextWriter output)
    {
        _configuration = configuration;
        _context = new PortContext(loop, _host, memory);
        Output = output;
        Settings = new Settings(configuration);
        loop.Every(TimeSpan.FromSeconds(1), Check);
        loop.Every(TimeSpan.FromMilliseconds(100), PrintFrames);
    }

    /// <summary>Where lines go.</summary>
    public TextWriter Output { get; }

    /// <summary>What the user set.</summary>
    public Settings Settings { get; }

    /// <summary>The ports by their numbers.</summary>
    public IReadOnlyDictionary<int, TestPort> Ports => _ports;

    /// <summary>What is, or was last, worked on.</summary>
    public IReadOnlyList<FrameStream> Streams => _streams;

    /// <summary>The threads that forward; none where it does not.</summary>
    public IReadOnlyList<ForwardingThread> Threads => _host.Threads;

    /// <summary>True between <c>start</c> and <c>stop</c>.</summary>
    public bool IsForwarding => _host.Threads.Count > 0;

    /// <summary>The processors that may be chosen to forward.</summary>
    public IReadOnlyList<int> Cores => _configuration.Cores;

    /// <summary>True where statistics are printed as JSON.</summary>
    public bool Json => _configuration.Json;

    /// <summary>True once <c>quit</c> was typed, or a signal came.</summary>
    public bool HasQuit { get; private set; }

    /// <summary>The ports that forward, in their order.</summary>
    public IReadOnlyList<TestPort> ForwardingPorts =>
        [.. (Settings.Ports ?? [.. _ports.Keys]).Where(_ports.ContainsKey).Select(id => _ports[id])];

    /// <summary>Makes a port with the next free number.</summary>
    /// <param name="vdev">Its device.</param>
    /// <exception cref="PortException">The device cannot be made.</exception>
    public TestPort AddPort(Vdev vdev)
    {
        int id = Enumerable.Range(0, int.MaxValue).First(n => !_ports.ContainsKey(n));
        var device = Open(id, Used(vdev));
        var port = new TestPort(id, vdev, device) { TxOffloads = _configuration.TxOffloads, RxOffloads = _configuration.RxOffloads };
        if (_configuration.Peers.TryGetValue(id, out var peer)) port.Peer = peer;
        _ports.Add(id, port);
        Output.WriteLine($"Port {id}: {port.Address.ToString().ToUpperInvariant()}");
        if (!port.IsUp) Output.WriteLine($"Port {id} ({vdev.Name}): {device.Status}");
        return port;
    }

    /// <summary>Makes a port's device anew where other queues are wanted than it has.</summary>
    /// <param name="port">The port, by which nothing is forwarded.</param>
    /// <exception cref="PortException">The device cannot be made anew; the port is closed.</exception>
    public void Renew(TestPort port)
    {
        var used = Used(port.Wanted);
        if (used.IsSameAs(port.Device.Vdev)) return;
        var counted = port.Count();
        port.Device.Dispose();
        try
        {
            port.Replace(Open(port.Id, used), counted);
        }
        catch
        {
            _ports.Remove(port.Id);
            throw;
        }
    }

    /// <summary>Closes a port.</summary>
    /// <param name="port">The port.</param>
    public void RemovePort(TestPort port)
    {
        _ports.Remove(port.Id);
        port.Dispose();
        Output.WriteLine($"Port {port.Id} is closed");
    }

    /// <summary>The streams as they would be now.</summary>
    public FrameStream[] MakeStreams()
    {
        var ports = ForwardingPorts;
        ForwardingPort[] ends = [.. ports.Select(port => port.ForStreams())];
        int queues = Math.Min(Settings.RxQueues, Settings.TxQueues);
        return [.. Enumerable.Range(0, queues).SelectMany(queue => ends.Select((rx, place) =>
            new FrameStream(rx, ends[Settings.Mode.Answers ? place : Settings.Topology.Output(place, ends.Length)], queue)))];
    }

    /// <summary>The streams of each forwarding core: as many neighbours for each as there are, one more for the last ones.</summary>
    /// <param name="streams">The streams.</param>
    public IReadOnlyList<(int Core, FrameStream[] Streams)> Spread(FrameStream[] streams)
    {
        int cores = Math.Min(Settings.ForwardingCores, Math.Max(streams.Length, 1)), each = streams.Length / cores, more = streams.Length % cores;
        var spread = new List<(int, FrameStream[])>();
        for (int i = 0, at = 0; i < cores; i++)
        {
            int count = each + (i >= cores - more ? 1 : 0);
            spread.Add((Settings.Cores[i], streams[at..(at + count)]));
            at += count;
        }
        return spread;
    }

    /// <summary>Starts forwarding.</summary>
    /// <param name="transmitFirst">How many bursts of txonly's frames each stream sends first.</param>
    /// <exception cref="TestpmdException">It cannot be started.</exception>
    public void Start(int transmitFirst)
    {
        if (IsForwarding) throw new TestpmdException("Packet forwarding already started");
        if (ForwardingPorts.Count == 0) throw new TestpmdException("there is no port to forward by: add --vdev or -a, or type port attach");
        if (ForwardingPorts.Any(port => !port.Started)) throw new TestpmdException("Not all ports were started");
        CheckQueues();
        DisposeStreams();
        _streams = MakeStreams();
        if (Settings.Mode is FlowGenMode && Settings.Generator.Segments.Sum() < FlowGenMode.LeastLength)
            throw new TestpmdException($"flowgen needs frames of {FlowGenMode.LeastLength} bytes or more: set txpkts");
        foreach (var stream in _streams)
        {
            if (Settings.Mode is GeneratingMode generating) stream.Generator = generating.Generate(stream, Settings.Generator);
            if (transmitFirst > 0) stream.First = ForwardModes.TxOnly.Generate(stream, Settings.Generator);
        }
        ClearForwardStatistics();
        ConfigurationScreen.WriteForwarding(this, Output);
        ConfigurationScreen.WriteQueues(this, Output);
        _logs.Clear();
        var start = new ForwardingStart(transmitFirst, Settings.FlushesInputs);
        _host.Run([.. Spread(_streams).Select(share => new ForwardingThread(share.Core, share.Streams, Settings.Mode, MakeWorkspace(), start))]);
    }

    /// <summary>Stops forwarding and prints what was forwarded.</summary>
    /// <exception cref="TestpmdException">It was not started.</exception>
    public void Stop()
    {
        if (!IsForwarding) throw new TestpmdException("Packet forwarding not started");
        Output.WriteLine("Telling cores to stop...");
        Output.WriteLine("Waiting for lcores to finish...");
        _host.Stop();
        PrintFrames();
        WriteForwardStatistics(Json);
        Output.WriteLine("\nDone.");
    }

    /// <summary>Stops everything and closes all ports.</summary>
    public void Quit()
    {
        if (HasQuit) return;
        HasQuit = true;
        if (IsForwarding) Stop();
        foreach (int id in _ports.Keys)
            Output.WriteLine($"\nStopping port {id}...\nStopping ports...\nDone");
        foreach (var port in _ports.Values.ToArray())
        {
            Output.WriteLine($"\nShutting down port {port.Id}...\nClosing ports...");
            RemovePort(port);
            Output.WriteLine("Done");
        }
        Output.WriteLine("\nBye...");
    }

    /// <summary>Prints what was forwarded since <c>start</c>.</summary>
    /// <param name="json">True for JSON.</param>
    public void WriteForwardStatistics(bool json)
    {
        var statistics = ForwardStatistics();
        if (json) Output.WriteLine(StatisticsJson.Line(statistics));
        else StatisticsScreen.Write(Output, statistics);
    }

    /// <summary>Counts what is forwarded from 0 again.</summary>
    public void ClearForwardStatistics()
    {
        _baseline.Clear();
        foreach (var port in ForwardingPorts)
            _baseline.Add(port.Id, port.Count());
        _streamBaseline.Clear();
        foreach (var stream in _streams)
            _streamBaseline.Add(stream, stream.Counters);
    }

    /// <summary>Has a port count from 0 again. What was forwarded stays as it is.</summary>
    /// <param name="port">The port.</param>
    public void ClearPort(TestPort port)
    {
        var counted = port.Clear();
        if (_baseline.TryGetValue(port.Id, out var baseline)) _baseline[port.Id] = baseline - counted;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _host.Stop();
        DisposeStreams();
        foreach (var port in _ports.Values)
            port.Dispose();
        _ports.Clear();
    }

    // A device without the queues that nobody would look at: its other end would send to them.
    private Vdev Used(Vdev wanted)
    {
        if (wanted.Driver.QueuesArgument is not { } argument) return wanted;
        int used = Math.Max(Settings.RxQueues, Settings.TxQueues);
        return wanted.Number(argument, 1, 1, int.MaxValue) <= used ? wanted : wanted.With(argument, $"{used}");
    }

    private PortDevice Open(int id, Vdev vdev)
    {
        var device = vdev.Driver.Create(vdev, _context);
        device.Noted += text => Output.WriteLine($"Port {id} ({vdev.Name}): {text}");
        try
        {
            device.Start();
        }
        catch
        {
            device.Dispose();
            throw;
        }
        return device;
    }

    private void DisposeStreams()
    {
        foreach (var stream in _streams)
            stream.Dispose();
        _streams = [];
    }

    private Workspace MakeWorkspace()
    {
        FrameLog? log = Settings.Verbose > 0 ? new FrameLog() : null;
        if (log is not null) _logs.Add(log);
        return new Workspace(Settings.Burst, Settings.Retries ? Settings.Retry : new RetryPolicy(0, 0), log);
    }

    // A device that is not connected has no queues yet, and may have enough of them later.
    private void CheckQueues()
    {
        foreach (var port in ForwardingPorts)
        {
            int inputs = port.Device.Port.Inputs.Length, outputs = port.Device.Port.Outputs.Length;
            if (inputs > 0 && inputs < Settings.RxQueues)
                throw new TestpmdException($"Fail: input rxq ({Settings.RxQueues}) can't be greater than max_rx_queues ({inputs}) of port {port.Id}");
            if (outputs > 0 && outputs < Settings.TxQueues)
                throw new TestpmdException($"Fail: input txq ({Settings.TxQueues}) can't be greater than max_tx_queues ({outputs}) "
                    + $"of port {port.Id}");
        }
    }

    private ForwardStatistics ForwardStatistics()
    {
        var streams = _streams.Select(stream => (Stream: stream, Since: Since(stream))).ToList();
        bool checksums = Settings.Mode is ChecksumMode;
        var ports = ForwardingPorts.Select(port =>
        {
            var since = port.Count() - _baseline.GetValueOrDefault(port.Id);
            ulong dropped = streams.Where(s => s.Stream.TxPort.Id == port.Id).Aggregate(since.TxErrors, (sum, s) => sum + s.Since.Dropped);
            var arriving = streams.Where(s => s.Stream.RxPort.Id == port.Id).ToList();
            return new PortForwarding(port.Id, since.RxPackets, since.RxMissed, since.RxErrors, since.TxPackets, dropped,
                checksums ? arriving.Aggregate(0UL, (sum, s) => sum + s.Since.BadNetwork) : null,
                checksums ? arriving.Aggregate(0UL, (sum, s) => sum + s.Since.BadTransport) : null);
        });
        return new ForwardStatistics(
            [.. streams.Select(s =>
                new StreamStatistics(s.Stream.RxPort.Id, s.Stream.TxPort.Id, s.Stream.Queue, s.Since.Received, s.Since.Sent, s.Since.Dropped))],
            [.. ports]);
    }

    private StreamCounters Since(FrameStream stream)
    {
        var before = _streamBaseline.GetValueOrDefault(stream);
        return new StreamCounters
        {
            Received = stream.Counters.Received - before.Received,
            Sent = stream.Counters.Sent - before.Sent,
            Dropped = stream.Counters.Dropped - before.Dropped,
            BadNetwork = stream.Counters.BadNetwork - before.BadNetwork,
            BadTransport = stream.Counters.BadTransport - before.BadTransport,
        };
    }

    private void Check()
    {
        foreach (var port in _ports.Values)
            port.Device.Check();
    }

    private void PrintFrames()
    {
        foreach (var log in _logs)
            log.Print(Output);
    }
}
