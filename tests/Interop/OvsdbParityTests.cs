using System.Globalization;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// One script of ovs-vsctl commands, for Open vSwitch and for the switch, each with a database of its own. After each step both databases say the
/// same in every column, but for what docs/ovs.md lists; and what it lists is so.
/// </summary>
public sealed class OvsdbParityTests : InteropTest
{
    private const string Document = "docs/ovs.md";

    /// <summary>Stands for the run directory.</summary>
    private const string Run = "RUN";

    /// <summary>The steps by name. Words are those of ovs-vsctl.</summary>
    private static readonly (string Name, string Command)[] Script =
    [
        ("start", "list-br"),
        ("address", "set Bridge br0 other_config:hwaddr=02:00:00:00:00:99"),
        ("add", "add-port br0 p0 -- set Interface p0 type=dpdkvhostuser"),
        ("add client", $"add-port br0 c0 -- set Interface c0 type=dpdkvhostuserclient options:vhost-server-path={Run}/c0.sock"),
        ("add client without path", "add-port br0 c1 -- set Interface c1 type=dpdkvhostuserclient"),
        ("duplicate", "add-port br0 p0"),
        ("may exist", "--may-exist add-port br0 p0"),
        ("bad name", "add-port br0 a/b -- set Interface a/b type=dpdkvhostuser"),
        ("bad path", "add-port br0 c2 -- set Interface c2 type=dpdkvhostuserclient options:vhost-server-path=/nowhere/at/all"),
        ("bad device", "add-port br0 d0 -- set Interface d0 type=dpdk options:dpdk-devargs=nothing"),
        ("no device", "add-port br0 d1 -- set Interface d1 type=dpdk"),
        ("bad interface", "add-port br0 none0"),
        ("interface", "add-port br0 eth1"),
        ("internal", "add-port br0 t0 -- set Interface t0 type=internal mac=\"02:00:00:00:00:77\""),
        ("del unknown", "del-port br0 none1"),
        ("del", "--if-exists del-port br0 none1 -- del-port br0 a/b -- del-port br0 c2 -- del-port br0 d0 -- del-port br0 d1 -- del-port br0 none0"),
        ("number asked for", "set Interface p0 ofport_request=17"),
        ("number taken", "add-port br0 p1 -- set Interface p1 type=dpdkvhostuser ofport_request=17"),
        ("type changed", "set Interface p1 type=dpdkvhostuserclient"),
        ("retries", "set Interface p0 options:tx-retries-max=0"),
        ("mtu", "set Interface p0 mtu_request=9000"),
        ("policing", "set Interface p0 ingress_policing_rate=1000"),
        ("no policing", "set Interface p0 ingress_policing_rate=0"),
        ("tag", "set Port p0 tag=5"),
        ("no tag", "clear Port p0 tag"),
        ("trunk", "set Port p0 trunks=5,6"),
        ("no trunk", "clear Port p0 trunks"),
        ("mirror", "-- --id=@from get Port p0 -- --id=@to get Port p1 -- --id=@m create Mirror name=m0 select-src-port=@from output-port=@to -- set Bridge br0 mirrors=@m"),
        ("no mirror", "clear Bridge br0 mirrors"),
        ("bridge", "add-br br1 -- set Bridge br1 datapath_type=netdev other_config:hwaddr=02:00:00:00:00:98"),
        ("patch", "add-port br0 x0 -- set Interface x0 type=patch options:peer=x1 -- add-port br1 x1 -- set Interface x1 type=patch options:peer=x0"),
        ("no bridge", "del-port br0 x0 -- del-br br1"),
        ("many", $"{Many("add-port br0 n{0} -- set Interface n{0} type=dpdkvhostuserclient")}"),
        ("none of many", $"{Many("del-port br0 n{0}")}"),
    ];

    private static string Many(string command) => string.Join(" -- ", Enumerable.Range(0, FullRun.Requested ? 200 : 20).Select(i => string.Format(CultureInfo.InvariantCulture, command, i)));

    private readonly List<Difference> _seen = [];
    private IReadOnlyList<ListedDifference> _listed = [];

    [Fact]
    public async Task TheDatabaseSaysWhatOpenVswitchSays()
    {
        _listed = ListedDifference.Read(Document);
        NetworkNamespace theirPlace = await MakeNamespaceAsync(), ourPlace = await MakeNamespaceAsync(), wires = await MakeNamespaceAsync();
        await theirPlace.ConnectAsync("eth1", wires, "wire0");
        await ourPlace.ConnectAsync("eth1", wires, "wire1");
        OpenVswitch theirs = Own(OpenVswitch.Create(Folder, "their"), o => o.Transcripts), ours = Own(OpenVswitch.Create(Folder, "our"), o => o.Transcripts);
        foreach (NetworkNamespace place in (NetworkNamespace[])[theirPlace, ourPlace])
            await place.IpHereAsync("link set dev eth1 address 02:00:00:00:00:01");
        await ours.StartDatabaseAsync();
        await ours.WriteSettingsAsync();
        SwitchProcess vhostSwitch = Own(
            SwitchProcess.StartWith(Folder, ["-l", "0", "--", "--ovsdb", ours.Database, "--ctl-socket", Folder.File("ctl")], [], Folder.File("ctl"), ourPlace), p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        await ours.AddBridgeAsync();
        await theirs.StartAsync(place: theirPlace);

        foreach (var (name, command) in Script)
            await CompareAsync(theirs, ours, name, command.Split(' '));
        await AddAndRemoveAsync(theirs, ours, vhostSwitch);
        await CompareWithGuestsAsync(theirs, ours);
        string[] untrue = [.. _listed.Where(listed => !_seen.Any(listed.Is)).Select(listed => listed.ToString())];
        Assert.True(untrue.Length == 0, $"{Document} lists what was not seen\n{string.Join('\n', untrue)}");
    }

    /// <summary>The same driver on both sides; its counters are compared, too.</summary>
    private async Task CompareWithGuestsAsync(OpenVswitch theirs, OpenVswitch ours)
    {
        Testpmd guests = await StartTestpmdAsync(new()
        {
            Ports = [new VirtioUserPort(theirs.File("p0"), "52:54:00:00:00:0a"), new VirtioUserPort(ours.File("p0"), "52:54:00:00:00:0a")],
        });
        await CompareAsync(theirs, ours, "guest", ["list-br"], withCounters: true);
        await guests.QuitAsync();
        await CompareAsync(theirs, ours, "guest gone", ["list-br"]);
    }

    /// <summary>Ports come and go one by one, and leave nothing behind.</summary>
    private async Task AddAndRemoveAsync(OpenVswitch theirs, OpenVswitch ours, SwitchProcess vhostSwitch)
    {
        int before = vhostSwitch.Descriptors();
        for (int i = 0; i < (FullRun.Requested ? 200 : 5); i++)
        {
            await CompareAsync(theirs, ours, "loop", ["add-port", "br0", $"l{i}", "--", "set", "Interface", $"l{i}", "type=dpdkvhostuser"]);
            await CompareAsync(theirs, ours, "loop", ["del-port", "br0", $"l{i}"]);
        }
        await vhostSwitch.WaitForDescriptorsAsync(before);
    }

    /// <summary>Does a step on both sides, and looks until the databases say the same, or only what is listed differs.</summary>
    private async Task CompareAsync(OpenVswitch theirs, OpenVswitch ours, string step, string[] command, bool withCounters = false)
    {
        var (theirCode, theirOutput) = await DoAsync(theirs, command);
        var (ourCode, ourOutput) = await DoAsync(ours, command);
        List<Difference> differences = [];
        await Until.TrueAsync(
            async () =>
            {
                Dictionary<DatabasePlace, string> there = await ReadAsync(theirs, withCounters), here = await ReadAsync(ours, withCounters);
                there.Add(new("ovs-vsctl", "exit code", ""), $"{theirCode}");
                here.Add(new("ovs-vsctl", "exit code", ""), $"{ourCode}");
                there.Add(new("ovs-vsctl", "output", ""), WithoutReasons(theirOutput, there));
                here.Add(new("ovs-vsctl", "output", ""), WithoutReasons(ourOutput, here));
                differences =
                [
                    .. from place in there.Keys.Union(here.Keys)
                       let said = there.GetValueOrDefault(place, DatabaseContent.None)
                       let own = here.GetValueOrDefault(place, DatabaseContent.None)
                       where said != own
                       select new Difference(step, place, said, own),
                ];
                // A column that is written some time after the step would be missed: what is listed for this step is waited for.
                return differences.All(difference => _listed.Any(listed => listed.Is(difference)))
                    && _listed.Where(listed => listed.IsOf(step)).All(listed => differences.Any(listed.Is));
            },
            Limits.Step,
            $"both databases say the same after {step}, but for what {Document} lists",
            () => string.Join('\n', differences.Where(difference => !_listed.Any(listed => listed.Is(difference)))));
        _seen.AddRange(differences);
    }

    private static async Task<(int ExitCode, string Output)> DoAsync(OpenVswitch side, IEnumerable<string> command)
    {
        var (exitCode, output) = await side.TryAsync(command.Select(word => word.Replace(Run, side.RunFolder, StringComparison.Ordinal)));
        return (exitCode, output.Replace(side.RunFolder, Run, StringComparison.Ordinal));
    }

    // Counters are written every five seconds, which is waited for once.
    private static async Task<Dictionary<DatabasePlace, string>> ReadAsync(OpenVswitch side, bool withCounters) =>
        (await side.ReadAsync())
            .Where(value => withCounters || !value.Key.Column.Contains(".statistics:", StringComparison.Ordinal))
            .ToDictionary(value => value.Key, value => value.Value.Replace(side.RunFolder, Run, StringComparison.Ordinal));

    // The reasons are compared where they are written: in the column error.
    private static string WithoutReasons(string output, Dictionary<DatabasePlace, string> content)
    {
        foreach (var (_, error) in content.Where(value => value.Key.Column == "Interface.error"))
            output = output.Replace(error, "ERROR", StringComparison.Ordinal);
        return Regex.Replace(output, "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID");
    }
}
