using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>What the database says of polling is done while frames of a guest with several queues flow.</summary>
public sealed class OvsdbPollingTests : InteropTest
{
    private const string MacA = "52:54:00:00:00:0a";
    private const string MacB = "52:54:00:00:00:0b";

    private OpenVswitch? _openVswitch;

    private OpenVswitch Ovs => _openVswitch!;

    [Fact]
    public async Task QueuesAndThreadsComeAndGoWhileFramesFlow()
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "two processors are needed");
        _openVswitch = Own(OpenVswitch.Create(Folder), o => o.Transcripts);
        await Ovs.StartDatabaseAsync();
        NetworkNamespace place = await MakeNamespaceAsync();
        string[] arguments = ["-l", "0", "--", "--ovsdb", Ovs.Database, "--ctl-socket", Folder.File("ctl")];
        SwitchProcess vhostSwitch = Own(SwitchProcess.StartWith(Folder, arguments, [], Folder.File("ctl"), place), p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        await Ovs.AddBridgeAsync();
        await Ovs.ConfigureAsync("add-port", "br0", "p0", "--", "set", "Interface", "p0", "type=dpdkvhostuser");
        await Ovs.ConfigureAsync("add-port", "br0", "p1", "--", "set", "Interface", "p1", "type=dpdkvhostuser");
        Testpmd guest = await StartTestpmdAsync(new()
        {
            Ports = [new VirtioUserPort(Ovs.File("p0"), MacA) { Queues = 4 }, new VirtioUserPort(Ovs.File("p1"), MacB) { Queues = 4 }],
            Peers = [MacB, MacA],
            Queues = 4,
            SegmentLengths = [200],
        });
        await WaitForQueuesAsync("p0", (0, [0, 1, 2, 3]));
        await vhostSwitch.WaitForStatusAsync(status => status.PortAt(Ovs.File("p0")).IsUp && status.PortAt(Ovs.File("p1")).IsUp, "both ports up");
        await guest.StartForwardingAsync(txFirst: true);

        await SetAsync("pmd-cpu-mask=0x3");
        await Until.TrueAsync(async () => (await QueuesAsync()).Keys.Order().SequenceEqual([0, 1]), Limits.Step, "two cores poll");
        await Until.TrueAsync(
            async () => (await QueuesAsync()).Values.All(queues => queues.Count(queue => queue.Port != "br0") >= 2), Limits.Step, "both cores poll guests' queues");
        await AssertFlowsAsync(guest);

        await Ovs.ConfigureAsync("set", "Interface", "p0", "other_config:pmd-rxq-affinity=\"0:1,1:1,2:7\"");
        Assert.Matches("core_id 1:\n  isolated : true\n  port: p0                queue-id:  0 .*\n  port: p0                queue-id:  1 .*\n$", await AskAsync() + "\n");
        await vhostSwitch.WaitForLineAsync(new Regex("core 7 cannot be pinned with port 'p0' rx queue 2"), Limits.Step);
        await AssertFlowsAsync(guest);

        await SetAsync("pmd-cpu-mask=0x2");
        await WaitForQueuesAsync("p0", (1, [0, 1, 2, 3]));
        await AssertFlowsAsync(guest);
        await SetAsync("pmd-cpu-mask=zero");
        await vhostSwitch.WaitForLineAsync(new Regex("pmd-cpu-mask=zero has no effect"), Limits.Step);
        await WaitForQueuesAsync("p0", (0, [0, 1, 2, 3]));
        await AssertFlowsAsync(guest);

        await guest.StopForwardingAsync();
        foreach (string command in (string[])["port stop all", "port config all rxq 2", "port config all txq 2", "port start all"])
            await guest.CommandAsync(command);
        await Until.TrueAsync(
            async () => Regex.IsMatch(await AskAsync(), "p0 .* 1 \\(enabled\\) .*\n.*p0 .* 2 \\(disabled\\) .*\n.*p0 .* 3 \\(disabled\\)"), Limits.Step, "two queues are disabled");
        await guest.StartForwardingAsync(txFirst: true);
        await AssertFlowsAsync(guest);

        // Frames of 200 bytes are too long for one of the ports now, and those that are on their way end there.
        await guest.StopForwardingAsync();
        await Ovs.ConfigureAsync("set", "Interface", "p1", "mtu_request=150");
        await guest.StartForwardingAsync(txFirst: true);
        await vhostSwitch.WaitForStatusAsync(status => status.Drops().Any(drop => drop.Contains("exceeds_mtu", StringComparison.Ordinal)), "dropped frames that exceed the MTU");
        await Ovs.ConfigureAsync("clear", "Interface", "p1", "mtu_request");
        await guest.StopForwardingAsync();
        await guest.StartForwardingAsync(txFirst: true);
        await AssertFlowsAsync(guest);
        await guest.QuitAsync();
        await vhostSwitch.StopAsync();
    }

    private Task SetAsync(string setting) => Ovs.ConfigureAsync("set", "Open_vSwitch", ".", $"other_config:{setting}");

    private Task<string> AskAsync() =>
        ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["--timeout=20", "-t", Folder.File("ctl"), "dpif-netdev/pmd-rxq-show"], Limits.Step);

    /// <summary>The queues by the core that polls them.</summary>
    private async Task<Dictionary<int, List<(string Port, int Queue)>>> QueuesAsync()
    {
        Dictionary<int, List<(string, int)>> cores = [];
        int core = -1;
        foreach (string line in (await AskAsync()).Split('\n'))
        {
            if (Regex.Match(line, "core_id ([0-9]+):") is { Success: true } thread)
                cores.Add(core = int.Parse(thread.Groups[1].Value), []);
            else if (Regex.Match(line, "port: ([^ ]+) +queue-id: +([0-9]+)") is { Success: true } queue)
                cores[core].Add((queue.Groups[1].Value, int.Parse(queue.Groups[2].Value)));
        }
        return cores;
    }

    private async Task WaitForQueuesAsync(string port, (int Core, int[] Queues) expected)
    {
        string last = "";
        await Until.TrueAsync(
            async () =>
            {
                last = await AskAsync();
                var all = await QueuesAsync();
                return all.Keys.SequenceEqual([expected.Core])
                    && all[expected.Core].Where(queue => queue.Port == port).Select(queue => queue.Queue).Order().SequenceEqual(expected.Queues);
            },
            Limits.Step,
            $"core {expected.Core} alone polls queues {string.Join(", ", expected.Queues)} of {port}",
            () => last);
    }

    private static async Task AssertFlowsAsync(Testpmd guest)
    {
        long[] before = [.. (await guest.ShowCountersAsync()).Select(port => port.ReceivedFrames)];
        await Until.TrueAsync(
            async () => (await guest.ShowCountersAsync()).Zip(before).All(port => port.First.ReceivedFrames > port.Second + 1000), Limits.Step, "frames flow");
    }
}
