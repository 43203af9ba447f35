using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Show;
using VhostSwitch.Linux;
using VhostSwitch.Ports;
using VhostSwitch.Ports.NetVhost;
using VhostSwitch.Switching;

namespace VhostSwitch.Program;

/// <summary>
/// The ports that come and go while the switch runs, as whoever configures it wants them. What stays is not touched: its frames flow on.
/// Lives on the control thread.
/// </summary>
internal sealed class ConfiguredPorts : IDisposable
{
    // What mtu_request leaves out: the Ethernet header and, as with Open vSwitch, a tag.
    private const uint FrameOverhead = 18;

    private readonly string _runFolder;
    private readonly PortRegistry _ports;
    private readonly PortContext _context;
    private readonly ConfiguredBridges _bridges;
    private readonly Action<LogLevel, string> _log;
    private readonly InterfaceFactReader _facts = new();
    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OfPorts> _numbers = [];
    private SwitchSettings? _settings;
    private SwitchSettings? _lastSettings;
    private IReadOnlyList<string> _withoutMeaning = [];
    private SwitchPlan _plan = new(new Dictionary<string, PlannedBridge>(), []);

    /// <summary>Begins without ports.</summary>
    /// <param name="runFolder">The folder that sockets are made in.</param>
    /// <param name="ports">The devices of the switch.</param>
    /// <param name="context">What devices work in.</param>
    /// <param name="bridges">The bridges that the ports are of.</param>
    /// <param name="log">Takes each line that people should read.</param>
    public ConfiguredPorts(string runFolder, PortRegistry ports, PortContext context, ConfiguredBridges bridges, Action<LogLevel, string> log)
    {
        _runFolder = runFolder;
        _ports = ports;
        _context = context;
        _bridges = bridges;
        _log = log;
    }

    /// <summary>Adds and removes ports until they are those that are wanted.</summary>
    /// <param name="wanted">What is wanted.</param>
    public void Configure(WantedSwitch wanted)
    {
        if (wanted.Bridges.Count > 0) CheckSettings(wanted.Settings);
        if (!wanted.WithoutMeaning.SequenceEqual(_withoutMeaning) && wanted.WithoutMeaning.Count > 0)
            _log(LogLevel.Info, $"other_config of the table Open_vSwitch: no meaning here: {string.Join(", ", wanted.WithoutMeaning)}");
        _withoutMeaning = wanted.WithoutMeaning;
        _plan = SwitchPlan.Of(wanted, _settings ?? wanted.Settings, _runFolder);
        var present = _entries.Values.Select(entry => entry.Planned).ToList();
        var changes = PortChanges.Between(present, _plan.Interfaces, planned => _entries[planned.Wanted.Name].IsWhole);
        var errors = _entries.ToDictionary(entry => entry.Key, entry => entry.Value.Error);
        foreach (var planned in changes.Kept)
        {
            var entry = _entries[planned.Wanted.Name];
            if (planned.Notice is { } notice && notice != entry.Planned.Notice) _log(LogLevel.Warning, $"{planned.Wanted.Name}: {notice}");
            if (planned.Wanted.OfPortRequest != entry.Planned.Wanted.OfPortRequest) Renumber(entry, planned.Wanted.OfPortRequest);
            entry.Planned = planned;
            Tune(entry);
        }
        // Frames stop going by what goes before it goes, and its number may be another's.
        Publish(except: changes.Removed);
        foreach (string name in changes.Removed)
            Remove(name, isSilent: changes.Added.Any(planned => planned.Wanted.Name == name));
        if (changes.Removed.Count > 0) Publish();
        foreach (string gone in _numbers.Keys.Except(_plan.Bridges.Keys).ToList())
            _numbers.Remove(gone);
        foreach (var planned in changes.Added)
            Add(planned, errors.GetValueOrDefault(planned.Wanted.Name));
    }

    /// <summary>How the bridges and interfaces are.</summary>
    public SwitchReport Report() => new(
        _plan.Bridges.ToDictionary(
            bridge => bridge.Key, bridge => new BridgeReport(_entries.GetValueOrDefault(bridge.Key)?.Device?.Address, bridge.Value.Status)),
        _entries.ToDictionary(entry => entry.Key, entry => Report(entry.Value)));

    /// <summary>The OpenFlow number of a port by its name; null for one that has none.</summary>
    /// <param name="name">The port's name.</param>
    public int? NumberOf(string name) => _entries.TryGetValue(name, out var entry) && entry.OfPort != InterfaceReport.NoPort ? entry.OfPort : null;

    /// <summary>The core that a queue is to be polled on; null where nobody has said so.</summary>
    /// <param name="port">The port's name.</param>
    /// <param name="queue">The queue's number.</param>
    public int? CoreOf(string port, int queue) =>
        _entries.TryGetValue(port, out var entry) && entry.Planned.Tuning.CoreOfQueue.TryGetValue(queue, out int core) ? core : null;

    /// <summary>The queues that are to be polled on a certain core.</summary>
    public IEnumerable<(string Port, int Queue, int Core)> Pinned =>
        from entry in _entries.Values
        from queue in entry.Planned.Tuning.CoreOfQueue
        select (entry.Planned.Wanted.Name, queue.Key, queue.Value);

    /// <summary>The bridges with their ports, for people.</summary>
    public IReadOnlyList<BridgePorts> Shown() =>
    [
        .. from bridge in _plan.Bridges
           orderby bridge.Key
           select new BridgePorts(bridge.Key, bridge.Value.Status, [.. _entries.Values.Where(entry => entry.Planned.Bridge == bridge.Key).Select(Shown)]),
    ];

    /// <summary>What is wanted and has no device: it is where the user looks first.</summary>
    public IEnumerable<PortSnapshot> Missing() =>
        from entry in _entries.Values
        where entry.Device is null
        let wanted = entry.Planned.Wanted
        select new PortSnapshot(wanted.Name, wanted.Type, null, "", entry.Error ?? entry.Planned.Waiting ?? "", [], [], 0, 0, []);

    /// <summary>Lets go of what it asks the kernel by. The ports stay.</summary>
    public void Dispose() => _facts.Dispose();

    private void CheckSettings(SwitchSettings settings)
    {
        _settings ??= settings;
        _lastSettings ??= settings;
        if (settings != _lastSettings && settings != _settings)
        {
            _log(LogLevel.Warning, "vhost-sock-dir, vhost-iommu-support, vhost-postcopy-support and userspace-tso-enable are read once: "
                + "the new ones wait for the next start");
        }
        _lastSettings = settings;
    }

    private static BridgePort Shown(Entry entry) => new(
        entry.Planned.Wanted.Name,
        entry.OfPort == InterfaceReport.NoPort ? null : entry.OfPort,
        entry.Planned.Wanted.Type,
        entry.Error ?? entry.Planned.Notice ?? entry.Planned.Waiting);

    private InterfaceReport Report(Entry entry) => new(entry.OfPort, entry.Error ?? entry.Planned.Notice)
    {
        Facts = entry.Error is not null ? null
            : entry.Device is { } device ? entry.CountResets(_facts.Read(device, entry.Planned.Wanted.Mtu))
            : InterfaceFactReader.Waiting(entry.Planned.Waiting ?? ""),
    };

    private void Add(PlannedInterface planned, string? errorBefore)
    {
        var entry = new Entry(planned);
        string name = planned.Wanted.Name;
        _entries.Add(name, entry);
        if (planned.Refusal is { } refusal) entry.Error = Sentence(name, refusal);
        if (planned.Device is { } vdev) Open(entry, vdev);
        if (entry.Error is { } error)
        {
            if (error != errorBefore) _log(LogLevel.Warning, $"bridge {planned.Bridge}: {error}");
            return;
        }
        entry.OfPort = planned.IsLocal ? OfPorts.Local : NumbersOf(entry).Take(planned.Wanted.OfPortRequest, planned.Wanted.OfPortBefore);
        _log(LogLevel.Info, $"bridge {planned.Bridge}: added interface {name} on port {entry.OfPort}");
        if (planned.Notice is { } notice) _log(LogLevel.Warning, $"{name}: {notice}");
        if (planned.Wanted.Type == InterfaceTypes.VhostServer && !planned.IsLocal)
        {
            _log(LogLevel.Warning, $"{name}: type {InterfaceTypes.VhostServer} is deprecated: its guests must be started again after the switch; "
                + $"{InterfaceTypes.VhostClient} reconnects");
        }
    }

    private void Open(Entry entry, Vdev vdev)
    {
        try
        {
            // The port belongs to its bridge before it has a queue.
            entry.Device = _ports.Add(vdev, _context, device =>
            {
                entry.Device = device;
                Publish();
            });
            Tune(entry);
        }
        catch (Exception e) when (e is PortException or LinuxException)
        {
            entry.Device = null;
            Publish();
            entry.Error = Sentence(entry.Planned.Wanted.Name, e.Message);
        }
    }

    // Each bridge counts by itself.
    private OfPorts NumbersOf(Entry entry)
    {
        if (!_numbers.TryGetValue(entry.Planned.Bridge, out var numbers)) _numbers.Add(entry.Planned.Bridge, numbers = new OfPorts());
        return numbers;
    }

    // A number that is another's already is not given: the interface keeps its own.
    private void Renumber(Entry entry, int? request)
    {
        if (request is not { } number || entry.Planned.IsLocal || entry.OfPort == InterfaceReport.NoPort || !NumbersOf(entry).TryTake(number)) return;
        NumbersOf(entry).Return(entry.OfPort);
        entry.OfPort = number;
    }

    private static void Tune(Entry entry)
    {
        if (entry.Device is not VhostDevice device) return;
        device.Port.Retries = entry.Planned.Tuning.Retries;
        device.LimitFrames(entry.Planned.Wanted.Mtu is { } mtu ? (uint)mtu + FrameOverhead : null);
    }

    private void Publish(IReadOnlyCollection<string>? except = null) => _bridges.Publish(_plan,
        (from entry in _entries.Values
         let wanted = entry.Planned.Wanted
         let device = entry.Device
         where device is not null && except?.Contains(wanted.Name) != true
         select (entry.Planned.Bridge, Port: entry.Planned.Bridging with { Id = device.Port.Id, Policer = entry.PolicerFor(wanted) }))
        .ToLookup(port => port.Bridge, port => port.Port));

    private void Remove(string name, bool isSilent)
    {
        _entries.Remove(name, out var entry);
        if (entry!.Device is { } device) _ports.Remove(device.Vdev.Name);
        if (entry.OfPort is InterfaceReport.NoPort) return;
        if (entry.OfPort != OfPorts.Local) NumbersOf(entry).Return(entry.OfPort);
        if (!isSilent) _log(LogLevel.Info, $"bridge {entry.Planned.Bridge}: deleted interface {name} on port {entry.OfPort}");
    }

    // As Open vSwitch begins it, for whoever searches for that.
    private static string Sentence(string name, string reason)
    {
        string own = $"{name}: ";
        return $"could not open network device {name} ({(reason.StartsWith(own, StringComparison.Ordinal) ? reason[own.Length..] : reason)})";
    }

    private sealed class Entry(PlannedInterface planned)
    {
        private bool? _hadLink;
        private int _resets;

        public PlannedInterface Planned { get; set; } = planned;

        public PortDevice? Device { get; set; }

        public string? Error { get; set; }

        public int OfPort { get; set; } = InterfaceReport.NoPort;

        public bool IsWhole => Error is null;

        public InterfaceFacts CountResets(InterfaceFacts facts)
        {
            // A guest's coming and going is none, as with Open vSwitch.
            if (_hadLink is { } had && had != facts.HasLink && Device is not VhostDevice) _resets++;
            _hadLink = facts.HasLink;
            return facts with { LinkResets = _resets };
        }

        private Policer? Policer { get; set; }

        // One that stays as it is goes on with what it has.
        public Policer? PolicerFor(WantedInterface wanted)
        {
            if (wanted.IngressKbps <= 0) Policer = null;
            else if (Policer?.Kbps != wanted.IngressKbps || Policer.BurstKbit != wanted.IngressBurstKbit)
                Policer = new Policer(wanted.IngressKbps, wanted.IngressBurstKbit);
            return Policer;
        }
    }
}
