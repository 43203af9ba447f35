using System.Globalization;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Messages;
using VhostSwitch.Control.Show;
using VhostSwitch.Control.Statistics;
using VhostSwitch.Control.Unixctl;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Ports;
using VhostSwitch.Ports.NetVhost;
using VhostSwitch.Switching;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Program;

/// <summary>
/// A running switch: poll threads, a control thread, and the sockets guests connect to. All state belongs to the control
/// thread; who wants to see it asks there.
/// </summary>
public sealed class SwitchInstance : IConfigurable, ISwitchOperations, IDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);

    // Soon enough for people who read of addresses. Each time wakes the control thread of an idle switch.
    private static readonly TimeSpan ReportPeriod = TimeSpan.FromMilliseconds(500);

    // Before all threads: it begins with a collection.
    private readonly CollectionBudget _collections = new();
    private readonly EventLoop _loop = new();
    private readonly MacTable _table = new();
    private readonly Action<LogLevel, string> _log;
    private readonly SwitchConfiguration _configuration;
    private readonly DataPlane _dataPlane;
    private readonly VmdqPools? _pools;
    private readonly VhostServer _server;
    private readonly PortContext _context;
    private readonly PortRegistry _ports;
    private readonly ConfiguredPorts _configured;
    private readonly ConfiguredPolling _polling;
    private readonly ConfiguredBridges _bridges;
    private readonly Thread _controlThread;
    private readonly Dictionary<int, int> _nodes = [];
    private readonly Dictionary<PollThread, (PollThreadCounts Counts, PollThreadRates Rates)> _seen = [];
    private readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _seconds;

    // The uplink of vmdq mode, and who sorts its frames; null where there is none.
    private PortDevice? _uplink;
    private SteeringSnapshot? _steering;

    private SwitchInstance(SwitchConfiguration configuration, GuestQueueFactory factory, Action<LogLevel, string> log)
    {
        _log = log;
        _configuration = configuration;
        _pools = configuration.Mode == SwitchMode.Vmdq ? new VmdqPools(_table) : null;
        var bridge = new BridgeForwarder(_table);
        Forwarder forwarder = _pools is null ? bridge : new VmdqForwarder(_pools, configuration.Vmdq);
        _dataPlane = new DataPlane(configuration.PollCores, forwarder, configuration.Retry, configuration.Idle);
        _bridges = new ConfiguredBridges(bridge, _dataPlane);
        _context = new PortContext(_loop, _dataPlane, OwnMemory.For(configuration.Memory));
        _ports = new PortRegistry(_context);
        _ports.Noted += (device, text) => log(LogLevel.Warning, $"{device.Vdev.Name}: {text}");
        _configured = new ConfiguredPorts(configuration.Ovsdb?.RunFolder ?? configuration.Config?.RunFolder ?? "", _ports, _context, _bridges, log);
        _polling = new ConfiguredPolling(configuration, _dataPlane, log);
        _dataPlane.CoreOf = queue => _dataPlane.Topology.Find(queue.PortId) is { } port ? _configured.CoreOf(port.Name, queue.Index) : null;
        foreach (var thread in _dataPlane.Threads)
            log(LogLevel.Info, VhostSwitchMessages.PollingStarted(thread.Core));
        _server = new VhostServer(_loop, _dataPlane, Offer(configuration), factory,
            mergesSegments: configuration is { MergeableBuffers: true, SegmentationOffload: true });
        _server.Connected += c => _pools?.Add(c.Owner.Port.Id, c.Id);
        _server.DeviceAdded += c => log(LogLevel.Info, VhostSwitchMessages.DeviceAdded(c.Id, CoreOf(c)));
        _server.DeviceRemoved += c => log(LogLevel.Info, VhostSwitchMessages.DeviceRemoved(c.Id));
        _server.Noted += (where, text) => log(LogLevel.Warning, $"{where}: {text}");
        _loop.Every(TimeSpan.FromSeconds(1), Tick);
        _loop.Every(ReportPeriod, ReportAddresses);
        _controlThread = new Thread(() =>
        {
            if (configuration.ControlCores.Count > 0) CpuAffinity.Pin([.. configuration.ControlCores]);
            try
            {
                _loop.Run();
            }
            catch (Exception e)
            {
                // A fault of this program: without its control thread the switch cannot go on, and says so.
                _failed.SetResult($"the control thread failed: {e}");
            }
        })
        { Name = "control" };
    }

    /// <summary>Starts a switch: its sockets are there on return.</summary>
    /// <param name="configuration">What it is to do.</param>
    /// <param name="factory">Makes the queues of guests.</param>
    /// <param name="log">Takes each line that people should read, with its weight; called from the control thread.</param>
    /// <exception cref="VhostException">A socket cannot be made.</exception>
    /// <exception cref="PortException">A device cannot be made.</exception>
    public static SwitchInstance Start(SwitchConfiguration configuration, GuestQueueFactory factory, Action<LogLevel, string> log)
    {
        var instance = new SwitchInstance(configuration, factory, log);
        try
        {
            foreach (var vdev in configuration.Devices)
                instance.Add(vdev);
            if (configuration.Devices.Count > 0) log(LogLevel.Info, instance._context.Memory.Describe());
            foreach (string path in configuration.SocketPaths)
            {
                if (configuration.ConnectsToSockets) instance._server.Connect(path);
                else instance._server.Listen(path);
            }
        }
        catch
        {
            instance.RemovePorts();
            instance._dataPlane.Dispose();
            instance._collections.Dispose();
            throw;
        }
        instance._controlThread.Start();
        return instance;
    }

    /// <summary>Ends, with the reason, when the switch cannot go on.</summary>
    public Task<string> Failed => _failed.Task;

    /// <summary>What the switch looks like now.</summary>
    public Task<SwitchSnapshot> SnapshotAsync() => _loop.Invoke(Snapshot);

    /// <inheritdoc/>
    public Task<SwitchReport> ConfigureAsync(WantedSwitch wanted) => _loop.Invoke(() =>
    {
        _polling.Configure(wanted.Polling);
        _configured.Configure(wanted);
        _polling.Pin([.. _configured.Pinned]);
        return _configured.Report();
    });

    /// <inheritdoc/>
    public Task<SwitchReport> ReportAsync() => _loop.Invoke(_configured.Report);

    /// <inheritdoc/>
    public Task<IReadOnlyList<BridgeSnapshot>> BridgesAsync() => _loop.Invoke(() => _bridges.Snapshots(Address));

    /// <inheritdoc/>
    public Task FlushAsync(string bridge) => _loop.Invoke(() =>
    {
        _bridges.Flush(bridge);
        return true;
    });

    /// <inheritdoc/>
    public Task<IReadOnlyList<PollThreadLoad>> LoadsAsync() => _loop.Invoke<IReadOnlyList<PollThreadLoad>>(() => [.. _dataPlane.Threads.Select(Load)]);

    /// <summary>Each device's frames as the statistics screen shows them.</summary>
    public Task<IReadOnlyList<DeviceStatistics>> StatisticsAsync() => _loop.Invoke(Statistics);

    /// <summary>Stops the rings, removes the sockets, ends the threads.</summary>
    public void Dispose()
    {
        _loop.Post(RemovePorts);
        _loop.Stop();
        if (!_controlThread.Join(StopLimit)) throw new InvalidOperationException($"the control thread did not end within {StopLimit.TotalSeconds} s");
        _dataPlane.Dispose();
        _table.Dispose();
        _bridges.Dispose();
        _configured.Dispose();
        _loop.Dispose();
        _collections.Dispose();
    }

    private IEnumerable<MacTable> Tables => [_table, .. _bridges.Tables];

    /// <summary>What devices are offered.</summary>
    private static DeviceOptions Offer(SwitchConfiguration configuration)
    {
        var features = DeviceOptions.BasicFeatures;
        if (configuration.MergeableBuffers) features |= Features.MrgRxbuf;
        if (configuration.ChecksumOffload) features |= DeviceOptions.ChecksumFeatures;
        if (configuration.SegmentationOffload) features |= DeviceOptions.SegmentationFeatures;
        var protocol = configuration.Postcopy ? DeviceOptions.PostcopyProtocolFeatures : DeviceOptions.BasicProtocolFeatures;
        return new DeviceOptions(features, protocol, DeviceOptions.MostQueuePairs);
    }

    private void Add(Vdev vdev)
    {
        var pools = vdev == _configuration.Uplink ? _pools : null;
        var context = pools is null ? _context : _context with { Outward = queue => new VmdqUplink(queue, pools, _configuration.Vmdq) };
        try
        {
            var device = _ports.Add(vdev, context, device => pools?.Uplink = device.Port.Id);
            _log(LogLevel.Info, $"{vdev.Name}: {device.Status}");
            if (pools is null) return;
            _uplink = device;
            Steer();
        }
        catch (PortException e) when (_configuration.UplinkIsImplied)
        {
            _log(LogLevel.Warning, $"{e.Message}; going on without an uplink");
        }
    }

    private void RemovePorts()
    {
        _server.Dispose();
        _ports.Dispose();
    }

    private void Tick()
    {
        _ports.Check();
        Steer();
        _dataPlane.Balance();
        // Devices of vmdq mode keep their address as long as they are there.
        uint age = _configuration.Mode == SwitchMode.Vmdq ? 0u : BridgeForwarder.AgeSeconds;
        _table.Tick(++_seconds, age, _dataPlane.WaitForThreads);
        _bridges.Tick(_seconds);
        foreach (var gone in _seen.Keys.Except(_dataPlane.Threads).ToList())
            _seen.Remove(gone);
        foreach (var thread in _dataPlane.Threads)
            Observe(thread);
        _collections.Look(_dataPlane.Threads.All(thread => thread.IsSleeping), _dataPlane.Threads.Aggregate(0UL, (sum, thread) => sum + thread.Frames));
    }

    // An interface that sorts frames by pool is told of each pool, and of each that has gone.
    private void Steer()
    {
        if (_uplink is not { } uplink) return;
        var steering = uplink.Steer([.. _pools!.Registered().Select(pool => new Pool(pool.Address, pool.Tag))]);
        var now = new SteeringSnapshot(steering.ByHardware ? "hardware" : "software", steering.Reason);
        if (now == _steering) return;
        _steering = now;
        _log(LogLevel.Info, $"{uplink.Vdev.Name}: steering: {now.By} ({now.Reason})");
    }

    private void ReportAddresses()
    {
        MacEvent[] events = [.. Tables.SelectMany(table => table.TakeEvents())];
        if (events.Length > 0) Steer();
        foreach (var e in events)
        {
            int device = _server.Connections.FirstOrDefault(c => c.Owner.Port.Id == e.Port)?.Id ?? e.Port;
            int tag = _configuration.Mode == SwitchMode.Vmdq ? VmdqPools.FirstTag + device : 0;
            if (e.Kind == MacEventKind.Duplicate) _log(LogLevel.Warning, VhostSwitchMessages.DuplicateMac(device));
            else _log(LogLevel.Info, VhostSwitchMessages.MacRegistered(device, e.Address, tag));
        }
    }

    private int CoreOf(DeviceServer<VhostPort>.Connection connection)
    {
        foreach (var queue in connection.Owner.Queues.Values.OfType<InputQueue>())
        {
            if (_dataPlane.OwnerOf(queue) is { } owner) return owner.Core;
        }
        return -1;
    }

    private SwitchSnapshot Snapshot() => new(
        ProductVersion.Text,
        _configuration.Mode,
        [.. _ports.Devices.Select(Show), .. _server.Connections.Select(Show), .. _server.Endpoints.Where(e => e.Sessions.Count == 0).Select(Show), .. _configured.Missing()],
        [.. Tables.SelectMany(table => table.Entries()).Select(Show)],
        [.. _dataPlane.Threads.Select(Show)])
    {
        Runtime = _collections.Snapshot(),
        Steering = _steering,
        Bridges = _configured.Shown(),
    };

    private PortSnapshot Show(DeviceServer<VhostPort>.Connection connection) =>
        Show(connection.Owner, connection.Device, connection.Id, connection.Endpoint.Path);

    private PortSnapshot Show(VhostRings rings, Device device, int? id, string path) => new(
        rings.Name,
        "net_vhost",
        id,
        path,
        rings.Status,
        FeatureNames.Of(device.Features),
        ProtocolFeatureNames.Of(device.ProtocolFeatures),
        device.Memory.Count,
        device.Memory.Length,
        [.. device.Rings.Select(ring => Show(rings, ring))]);

    // A socket that nobody has connected to is shown too: it is where the user looks first.
    private static PortSnapshot Show(Endpoint endpoint) => new(
        Path.GetFileName(endpoint.Path),
        "net_vhost",
        null,
        endpoint.Path,
        endpoint.Waiting,
        [],
        [],
        0,
        0,
        []);

    private PortSnapshot Show(PortDevice device)
    {
        if (device is VhostDevice { FrontEnd: { Device: { } connected } rings }) return Show(rings, connected, null, device.Endpoint);
        var (from, to) = device is VhostDevice
            ? (QueueDirection.FromGuest, QueueDirection.ToGuest)
            : (QueueDirection.FromWire, QueueDirection.ToWire);
        return new(
            device.Port.Name,
            device.Vdev.Driver.Name,
            null,
            device.Endpoint,
            device.Status,
            device.Offloads,
            [],
            0,
            0,
            [
                .. device.InputCounters.Select(c => Show(device, c.Key, from, c.Value)),
                .. device.OutputCounters.Select(c => Show(device, c.Key, to, c.Value)),
            ]);
    }

    private QueueSnapshot Show(PortDevice device, int index, QueueDirection direction, CounterBlock block)
    {
        InputQueue? input = direction == QueueDirection.FromWire ? device.Port.Inputs.ToArray().FirstOrDefault(q => q.Index == index) : null;
        bool enabled = input is not null || (direction == QueueDirection.ToWire && device.Port.Outputs.ToArray().Any(q => q.Index == index));
        return Show(index, direction, input, size: 0, enabled, block);
    }

    private QueueSnapshot Show(VhostRings rings, Vring ring)
    {
        rings.Queues.TryGetValue(ring.Index, out var queue);
        rings.Counters.TryGetValue(ring.Index, out var block);
        return Show(ring.Index, ring.IsGuestReceive ? QueueDirection.ToGuest : QueueDirection.FromGuest, queue as InputQueue, ring.Size, ring.Enabled, block);
    }

    private unsafe QueueSnapshot Show(int index, QueueDirection direction, InputQueue? input, int size, bool enabled, CounterBlock? block)
    {
        var counters = block is null ? default : *block.Counters;
        var drops = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var reason in Enum.GetValues<DropReason>())
        {
            if (counters.Drops(reason) != 0) drops.Add(DropReasons.Name(reason), counters.Drops(reason));
        }
        return new QueueSnapshot(index, direction, input is null ? null : _dataPlane.OwnerOf(input)?.Index, size, enabled,
            counters.Frames, counters.Bytes, counters.Notifications, drops);
    }

    private BridgeAddress Address(MacEntry entry)
    {
        int? number = _dataPlane.Topology.Find(entry.Port) is { } port ? _configured.NumberOf(port.Name) : null;
        return new(number == OfPorts.Local ? "LOCAL" : $"{number}", entry.Vlan, entry.Address.ToString(), entry.AgeSeconds);
    }

    private PollThreadLoad Load(PollThread thread)
    {
        var queues = thread.Inputs.ToArray();
        double all = queues.Sum(_dataPlane.LoadOf);
        var (age, work) = (thread.Age, thread.WorkTime);
        return new(NodeOf(thread.Core), thread.Core, thread.Frames, Cycles(age), Cycles(work < age ? work : age), RatesOf(thread).BusyShare,
            [.. queues.Select(queue => new QueueLoad(_dataPlane.Topology.Find(queue.PortId)?.Name ?? "", queue.Index, queue.IsEnabled, _dataPlane.LoadOf(queue) / all))])
        {
            IsIsolated = _dataPlane.IsIsolated(thread),
        };
    }

    private void Observe(PollThread thread)
    {
        var now = PollThreadCounts.Of(thread);
        _seen[thread] = (now, _seen.TryGetValue(thread, out var before) ? PollThreadRates.Between(before.Counts, now) : default);
    }

    private PollThreadRates RatesOf(PollThread thread) => _seen.TryGetValue(thread, out var seen) ? seen.Rates : default;

    private static ulong Cycles(TimeSpan time) => (ulong)(time.TotalMicroseconds * (ProcessorClock.CounterMHz ?? 0));

    private int NodeOf(int core)
    {
        if (_nodes.TryGetValue(core, out int known)) return known;
        string folder = $"/sys/devices/system/cpu/cpu{core}";
        string? node = Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, "node*").FirstOrDefault() : null;
        return _nodes[core] = node is null ? 0 : int.Parse(Path.GetFileName(node)["node".Length..], CultureInfo.InvariantCulture);
    }

    private MacTableEntry Show(MacEntry entry) => new(
        entry.Address.ToString(),
        entry.Vlan,
        _dataPlane.Topology.Find(entry.Port)?.Name ?? $"port {entry.Port}",
        _configuration.Mode == SwitchMode.Vmdq ? null : entry.AgeSeconds);

    private PollThreadSnapshot Show(PollThread thread)
    {
        var rates = RatesOf(thread);
        return new(
            thread.Index,
            thread.Core,
            thread.IsSleeping ? "sleeping" : "polling",
            thread.Inputs.Length,
            thread.Frames,
            Math.Round(rates.BusyShare, 3),
            Math.Round(rates.FramesPerSecond),
            Rounded(rates.NsPerFrame),
            Rounded(rates.NsPerFrame * ProcessorClock.CounterMHz / 1000),
            Rounded(rates.MeanBurst),
            _collections.Count,
            thread.AllocatedBytes);

        static double? Rounded(double? value) => value is { } number ? Math.Round(number, 1) : null;
    }

    private unsafe IReadOnlyList<DeviceStatistics> Statistics()
    {
        var all = new List<DeviceStatistics>();
        foreach (var connection in _server.Connections)
        {
            ulong sent = 0, delivered = 0, received = 0, missed = 0;
            foreach (var (ring, block) in connection.Owner.Counters)
            {
                var counters = *block.Counters;
                bool toGuest = ring % 2 == 0;
                if (toGuest)
                {
                    received += counters.Frames;
                    foreach (var reason in Enum.GetValues<DropReason>())
                        missed += counters.Drops(reason);
                }
                else
                {
                    sent += counters.Frames;
                    delivered += counters.Delivered;
                }
            }
            all.Add(new DeviceStatistics(connection.Id, sent, delivered, received + missed, received));
        }
        return all;
    }
}
