using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>
/// A private Open vSwitch with DPDK: database, daemon and files are the test's own, and the daemon runs in a network namespace
/// of its own, so that its bridge's interface does not appear on this machine.
/// </summary>
internal sealed class OpenVswitch : IAsyncDisposable
{
    private const string Schema = "/usr/share/openvswitch/vswitch.ovsschema";
    private const string Daemon = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";
    private const string PlainDaemon = "/usr/lib/openvswitch-switch/ovs-vswitchd";

    /// <summary>About 90 MiB a port, from --no-huge's pages of 4 KiB which hold one buffer each.</summary>
    public const int MemoryMiB = 768;

    private readonly string _folder;
    private readonly string _database;
    private readonly Dictionary<string, string> _environment;
    private readonly Transcript _commands = new("Open vSwitch, commands");
    private ChildProcess? _databaseServer;
    private string _target = "ovs-vswitchd-dpdk";
    private ChildProcess? _daemon;

    private OpenVswitch(TestFolder folder, string name)
    {
        _folder = Directory.CreateDirectory(folder.File(name)).FullName;
        _database = "unix:" + folder.File($"{name}/db.sock");
        _environment = new()
        {
            ["OVS_RUNDIR"] = _folder,
            ["OVS_LOGDIR"] = _folder,
            ["OVS_DBDIR"] = _folder,
            ["OVS_SYSCONFDIR"] = _folder,
            ["RUNTIME_DIRECTORY"] = _folder,
        };
    }

    /// <summary>What the rig did, and what the database and the daemon logged.</summary>
    public IEnumerable<Transcript> Transcripts =>
        [_commands, .. new[] { _databaseServer, _daemon }.OfType<ChildProcess>().Select(server => server.Transcript)];

    /// <summary>The database as programs take it: <c>unix:PATH</c>.</summary>
    public string Database => _database;

    /// <param name="name">The name of its run directory in the test's folder.</param>
    public static OpenVswitch Create(TestFolder folder, string name = "ovs") => new(folder, name);

    /// <summary>The run directory.</summary>
    public string RunFolder => _folder;

    /// <summary>The path of a file in the run directory.</summary>
    public string File(string name) => Path.Combine(_folder, name);

    /// <summary>Starts the database alone, for another daemon than Open vSwitch's.</summary>
    public async Task StartDatabaseAsync()
    {
        await RunAsync("ovsdb-tool", "create", File("conf.db"), Schema);
        await ServeDatabaseAsync();
        await ConfigureAsync("--no-wait", "init");
    }

    /// <summary>Serves the database again, as it was.</summary>
    public async Task ServeDatabaseAsync()
    {
        _databaseServer = ChildProcess.Start(
            "ovsdb-server", "ovsdb-server", [File("conf.db"), $"--remote=p{_database}", "--pidfile", "-vconsole:warn"], _folder, _environment);
        await WaitForFileAsync("db.sock", _databaseServer);
    }

    /// <summary>Ends the database's server.</summary>
    public Task StopDatabaseAsync() => StopAsync(_databaseServer, "ovsdb-server");

    /// <summary>The daemon's process id.</summary>
    public int Pid => _daemon!.Pid;

    /// <summary>Starts the database and the daemon and adds the bridge br0.</summary>
    /// <param name="pollCore">The core of its one polling thread.</param>
    /// <param name="segmentation">Guests may send large segments.</param>
    /// <param name="hugeFolder">Where the daemon's memory is from huge pages; null for normal pages.</param>
    /// <param name="place">The daemon's namespace; null for a new one.</param>
    public async Task StartAsync(int pollCore = 0, bool segmentation = false, string? hugeFolder = null, NetworkNamespace? place = null)
    {
        await StartDatabaseAsync();
        await WriteSettingsAsync(pollCore, segmentation, hugeFolder);
        string[] entrance = place is null ? ["unshare", "--net"] : ["ip", "netns", "exec", place.Name];
        _daemon = ChildProcess.Start(
            "ovs-vswitchd", entrance[0], [.. entrance[1..], Daemon, _database, "--pidfile", "-vconsole:info"], _folder, _environment);
        await _daemon.WaitForLineAsync(new Regex("DPDK Enabled - initialized"), Limits.DpdkStart);
        await AddBridgeAsync();
    }

    /// <summary>Adds the bridge br0, which runs in user space.</summary>
    public Task AddBridgeAsync() => ConfigureAsync("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev", "fail-mode=standalone");

    /// <summary>Writes the settings of <see cref="StartAsync"/> into the database, for whoever serves it.</summary>
    public async Task WriteSettingsAsync(int pollCore = 0, bool segmentation = false, string? hugeFolder = null)
    {
        string memory = hugeFolder is null ? "--no-huge --legacy-mem" : $"--huge-dir {hugeFolder} --legacy-mem";
        // --legacy-mem keeps Open vSwitch from adding --in-memory, which DPDK refuses beside --no-huge.
        // The database says what the daemon is before it starts: it reads these values only once.
        await ConfigureAsync(
            "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true", "other_config:dpdk-lcore-mask=0x1",
            // The pool that ports share by default is 262144 buffers, a gigabyte that takes 7 s to fill; a pool per port is a tenth.
            "other_config:per-port-memory=true",
            $"other_config:pmd-cpu-mask=0x{1 << pollCore:x}",
            $"other_config:userspace-tso-enable={(segmentation ? "true" : "false")}",
            $"other_config:dpdk-extra=\"--no-pci {memory} -m {MemoryMiB} --no-telemetry --file-prefix=ovs{Environment.ProcessId}\"");
    }

    /// <summary>
    /// Starts the database and the daemon without DPDK in a namespace, and adds the bridge br0, which runs in user space: VLANs for hosts whose
    /// kernel knows none.
    /// </summary>
    public async Task StartPlainAsync(NetworkNamespace place)
    {
        await StartDatabaseAsync();
        _target = "ovs-vswitchd";
        _daemon = ChildProcess.Start(
            "ovs-vswitchd", "ip", ["netns", "exec", place.Name, PlainDaemon, _database, "--pidfile", "-vconsole:info"], _folder, _environment);
        await AddBridgeAsync();
    }

    /// <summary>Adds an interface of the namespace that carries all tags.</summary>
    public Task AddTrunkAsync(string device) => ConfigureAsync("add-port", "br0", device);

    /// <summary>Adds an interface to the namespace whose frames have a tag at trunks, and none here.</summary>
    public Task AddAccessInterfaceAsync(string device, int tag) => ConfigureAsync("add-port", "br0", device, $"tag={tag}", "--", "set", "Interface", device, "type=internal");

    /// <summary>Adds a port that connects to a socket which the guest's side serves.</summary>
    public Task AddClientPortAsync(string name, string socket, int? mtu = null) =>
        AddPortAsync(name, mtu, "type=dpdkvhostuserclient", $"options:vhost-server-path={socket}");

    /// <summary>Adds a port that serves a socket (deprecated there, but what a client on the guest's side needs).</summary>
    /// <returns>The socket's path.</returns>
    public async Task<string> AddServerPortAsync(string name, int? mtu = null)
    {
        await AddPortAsync(name, mtu, "type=dpdkvhostuser");
        await WaitForFileAsync(name, _daemon!);
        return File(name);
    }

    public Task RemovePortAsync(string name) => ConfigureAsync("del-port", "br0", name);

    /// <summary>Runs ovs-vsctl on this database.</summary>
    public Task<string> ConfigureAsync(params string[] arguments) => RunAsync("ovs-vsctl", [$"--db={_database}", "--timeout=20", .. arguments]);

    /// <summary>Runs ovs-vsctl on this database, whatever becomes of it.</summary>
    /// <returns>Its exit code and all that it printed.</returns>
    public async Task<(int ExitCode, string Output)> TryAsync(IEnumerable<string> arguments)
    {
        await using var child = ChildProcess.Start("ovs-vsctl", "ovs-vsctl", [$"--db={_database}", "--timeout=20", .. arguments], _folder, _environment);
        int exitCode = await child.WaitForExitAsync(TimeSpan.FromSeconds(30));
        string output = string.Join('\n', child.Transcript.Lines());
        _commands.Add('#', $"ovs-vsctl {string.Join(' ', arguments)}: {exitCode} {output}");
        return (exitCode, output);
    }

    /// <summary>What is in the database.</summary>
    public async Task<Dictionary<DatabasePlace, string>> ReadAsync() =>
        DatabaseContent.Read((await ChildProcess.RunAsync("ovsdb-client", "ovsdb-client", ["--format=json", "dump", _database, "Open_vSwitch"], Limits.Step)).Split('\n'));

    /// <summary>Runs ovs-appctl on this daemon.</summary>
    public Task<string> AskAsync(params string[] arguments) => RunAsync("ovs-appctl", ["--timeout=20", "-t", _target, .. arguments]);

    public async ValueTask DisposeAsync()
    {
        await StopAsync(_daemon, _target);
        await StopAsync(_databaseServer, "ovsdb-server");
    }

    private Task AddPortAsync(string name, int? mtu, params string[] columns)
    {
        List<string> arguments = ["add-port", "br0", name, "--", "set", "Interface", name, .. columns];
        if (mtu is { } bytes)
            arguments.Add($"mtu_request={bytes}");
        return ConfigureAsync([.. arguments]);
    }

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        _commands.Add('#', $"{program} {string.Join(' ', arguments)}");
        try
        {
            return await ChildProcess.RunAsync(program, program, arguments, TimeSpan.FromSeconds(30), _folder, _environment);
        }
        catch (RigException e) when (_daemon is not null)
        {
            throw new RigException(e.Message, _daemon.Transcript);
        }
    }

    private Task WaitForFileAsync(string name, ChildProcess owner) => Until.TrueAsync(
        () =>
        {
            owner.ThrowIfEnded();
            return System.IO.File.Exists(File(name));
        },
        Limits.Step,
        $"{name} exists",
        owner.Transcript.ToString);

    private async Task StopAsync(ChildProcess? server, string target)
    {
        if (server is null)
            return;
        if (!server.HasExited)
        {
            try
            {
                await RunAsync("ovs-appctl", "--timeout=10", "-t", target, "exit");
                await server.WaitForExitAsync(Limits.Step);
            }
            catch (RigException e)
            {
                _commands.Add('#', e.Message);
            }
        }
        await server.DisposeAsync();
    }
}
