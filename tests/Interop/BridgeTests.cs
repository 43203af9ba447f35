using System.Globalization;
using System.Text;
using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// Open vSwitch and the switch side by side, each with a database, a namespace and eight wires of its own: the same commands of ovs-vsctl, the same
/// frames into each wire, and the same frames must come out of each, byte by byte.
/// </summary>
public sealed class BridgeTests : InteropTest
{
    private const int Wires = 8;
    private const int PayloadLength = 60;

    private static readonly string[] Tags = ["", "0", "0/5", "10", "10/5", "20", "30", "100", "s10", "s100", "s100+10", "s100+30", "20+10", "0/5+10"];

    /// <summary>The place of VLAN 10's tag.</summary>
    private const int Ten = 3;

    /// <summary>The groups that are not forwarded, as some examples, and one that is.</summary>
    private static readonly string[] Groups = ["0180c2000000", "0180c200000e", "01000ccccccc", "01000cccccc8", "00e02b000004", "01005e0000fb"];

    private Side? _reference;
    private Side? _own;

    private Side[] Sides => [_reference!, _own!];

    [Fact]
    public async Task TheSameFramesComeOutOfTheSamePortsAsWithOpenVswitch()
    {
        await StartAsync();
        await CompareAsync("plain ports", "set", "Open_vSwitch", ".", "other_config:mac-table-size=8192");
        await CompareAsync("VLAN modes", "--",
            "set", "Port", "p1", "tag=10", "--",
            "set", "Port", "p2", "trunks=10,20", "--",
            "set", "Port", "p3", "tag=10", "vlan_mode=native-tagged", "--",
            "set", "Port", "p4", "tag=10", "vlan_mode=native-untagged", "--",
            "set", "Port", "p5", "tag=100", "vlan_mode=dot1q-tunnel", "--",
            "set", "Port", "p6", "tag=100", "vlan_mode=dot1q-tunnel", "cvlans=10,20", "--",
            "set", "Port", "p8", "tag=10", "other_config:priority-tags=if-nonzero");
        await CompareAsync("a mirror to a port, one to a VLAN", "--",
            "--id=@src", "get", "Port", "p1", "--", "--id=@dst", "get", "Port", "p4", "--", "--id=@out", "get", "Port", "p8", "--",
            "--id=@span", "create", "Mirror", "name=span", "select_src_port=@src", "select_dst_port=@dst", "output_port=@out", "snaplen=40", "--",
            "--id=@seven", "get", "Port", "p7", "--",
            "--id=@rspan", "create", "Mirror", "name=rspan", "select_src_port=@seven", "select_vlan=10,100", "output_vlan=20", "--",
            "set", "Bridge", "br0", "mirrors=@span,@rspan");
        await CompareAsync("a mirror of everything, two tags looked at, priority tags", "--",
            "--id=@out", "get", "Port", "p8", "--",
            "--id=@all", "create", "Mirror", "name=all", "select_all=true", "output_port=@out", "--",
            "set", "Bridge", "br0", "mirrors=@all", "--",
            "set", "Open_vSwitch", ".", "other_config:vlan-limit=0", "--",
            "set", "Port", "p7", "other_config:priority-tags=always", "--", "set", "Port", "p5", "other_config:qinq-ethtype=802.1q");
        await CompareAsync("protected ports, VLANs that flood, groups that are forwarded", "--",
            "clear", "Bridge", "br0", "mirrors", "--", "remove", "Open_vSwitch", ".", "other_config", "vlan-limit", "--",
            "set", "Port", "p7", "other_config:priority-tags=never", "protected=true", "--", "set", "Port", "p3", "protected=true", "--",
            "set", "Bridge", "br0", "flood_vlans=20", "other_config:forward-bpdu=true");
        await CompareAsync("two bridges and a patch", [
            "--", "set", "Bridge", "br0", "other_config:forward-bpdu=false", "--", "clear", "Bridge", "br0", "flood_vlans",
            "--", "add-br", "br1", "--", "set", "Bridge", "br1", "datapath_type=netdev",
            .. new[] { 5, 6, 7, 8 }.SelectMany(i => new[] { "--", "del-port", "br0", $"p{i}" }),
            .. new[] { 5, 6, 7, 8 }.SelectMany(i => new[] { "--", "add-port", "br1", $"p{i}" }),
            "--", "set", "Port", "p8", "tag=20",
            "--", "add-port", "br0", "to1", "--", "set", "Interface", "to1", "type=patch", "options:peer=to0", "ofport_request=20",
            "--", "set", "Port", "to1", "tag=10", "vlan_mode=native-untagged",
            "--", "add-port", "br1", "to0", "--", "set", "Interface", "to0", "type=patch", "options:peer=to1"]);
    }

    private async Task StartAsync()
    {
        _reference = await MakeSideAsync("theirs", null);
        _own = await MakeSideAsync("ours", Folder.File("ctl"));
        await Task.WhenAll(Sides.Select(side => side.ConnectAsync(Folder)));
        await Task.WhenAll(StartReferenceAsync(), StartOwnAsync());
        string[] ports =
            [.. Enumerable.Range(1, Wires).SelectMany(i => $"-- add-port br0 p{i} -- set Interface p{i} ofport_request={i}".Split(' '))];
        await Task.WhenAll(Sides.Select(side => side.Database.ConfigureAsync(ports)));
    }

    private async Task<Side> MakeSideAsync(string folder, string? controlSocket) => Own(
        new Side(OpenVswitch.Create(Folder, folder), await MakeNamespaceAsync(), await MakeNamespaceAsync(), controlSocket),
        side => side.Database.Transcripts);

    private async Task StartReferenceAsync() => await _reference!.Database.StartPlainAsync(_reference.Place);

    private async Task StartOwnAsync()
    {
        Side own = _own!;
        await own.Database.StartDatabaseAsync();
        string[] arguments = ["-l", "0", "--", "--ovsdb", own.Database.Database, "--ctl-socket", own.ControlSocket!];
        SwitchProcess vhostSwitch = Own(SwitchProcess.StartWith(Folder, arguments, [], own.ControlSocket, own.Place), p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        await own.Database.ConfigureAsync("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev");
    }

    private async Task CompareAsync(string what, params string[] commands)
    {
        await Task.WhenAll(Sides.Select(side => side.PurgeAsync()));
        await Task.WhenAll(Sides.Select(side => side.Database.ConfigureAsync(commands)));
        // What the change leaves of what was learned before it.
        await AssertSameAddressesAsync(what);
        await Task.WhenAll(Sides.Select(side => side.BeginAsync()));
        int number = 0;
        // What everybody hears, by which every sender is learned in every VLAN it reaches.
        foreach (int from in Enumerable.Range(1, Wires))
        {
            for (int tags = 0; tags < Tags.Length; tags++)
                Send(from, Frame("ffffffffffff", from, tags, number++));
            foreach (string group in Groups)
                Send(from, Frame(group, from, 0, number++));
        }
        await WaitUntilSameAsync(what);
        // A destination that nobody has, and all others, as they are known without a tag and with that of VLAN 10. The last wire first: where it has
        // copies alone, nobody hears when its frames have been looked at, which both do in turn with those of all other wires.
        foreach (int from in Enumerable.Range(1, Wires).Reverse())
        {
            foreach (int to in Enumerable.Range(1, Wires + 1))
            {
                for (int tags = 0; tags < Tags.Length; tags++)
                {
                    Send(from, Frame(Address(to, 0), from, tags, number++));
                    Send(from, Frame(Address(to, Ten), from, tags, number++));
                }
                // No more at a time than a socket has room for, however long nobody looks.
                if (to % 3 == 0) await WaitUntilSameAsync($"{what}, known addresses, from p{from}");
            }
        }
        // Whatever one of them has more is there when both have answered.
        await Task.WhenAll(Sides.Select(side => side.EndAsync()));
        Array.ForEach(Sides, side => side.Drain());
        Assert.Null(Differences());
        await AssertSameAddressesAsync(what);
    }

    private async Task AssertSameAddressesAsync(string what)
    {
        string[][] addresses = await Task.WhenAll(Sides.Select(side => side.AddressesAsync()));
        Assert.True(addresses[0].SequenceEqual(addresses[1]), $"""
            {what}: the addresses
            theirs alone: {string.Join(", ", addresses[0].Except(addresses[1]))}
            ours alone:   {string.Join(", ", addresses[1].Except(addresses[0]))}
            """);
    }

    private void Send(int wire, byte[] frame)
    {
        foreach (Side side in Sides)
            Assert.True(side.Ends[wire - 1].TrySend(0, frame, parts: 1));
    }

    private async Task WaitUntilSameAsync(string what)
    {
        // Some frames come out nowhere; those that come later are compared with the next ones, or at the end.
        int looks = 0;
        await Until.TrueAsync(
            () =>
            {
                Array.ForEach(Sides, side => side.Drain());
                return (looks++ > 1 || _own!.Frames.Any(frames => frames.Count > 0)) && Differences() is null;
            },
            Limits.Step,
            $"{what}: the same frames",
            () => Differences() ?? "");
        Array.ForEach(Sides, side => side.Forget());
    }

    private string? Differences()
    {
        StringBuilder text = new();
        for (int i = 0; i < Wires; i++)
        {
            string[] theirs = [.. _reference!.Frames[i].Select(Convert.ToHexStringLower).Order()];
            string[] ours = [.. _own!.Frames[i].Select(Convert.ToHexStringLower).Order()];
            if (theirs.SequenceEqual(ours)) continue;
            text.AppendLine(CultureInfo.InvariantCulture, $"p{i + 1}: {theirs.Length} frames of Open vSwitch, {ours.Length} of the switch");
            foreach (string frame in theirs.Except(ours).Take(5))
                text.AppendLine(CultureInfo.InvariantCulture, $"  theirs alone {frame}");
            foreach (string frame in ours.Except(theirs).Take(5))
                text.AppendLine(CultureInfo.InvariantCulture, $"  ours alone   {frame}");
        }
        return text.Length == 0 ? null : text.ToString();
    }

    /// <summary>
    /// The address of whoever sends with these tags: Open vSwitch keeps for a flow, which no priority tells from another, what it has decided on its
    /// first frame.
    /// </summary>
    private static string Address(int wire, int tags) => $"020000{tags:x2}00{wire:x2}";

    private static byte[] Frame(string to, int from, int tags, int number)
    {
        StringBuilder head = new($"{to}{Address(from, tags)}");
        foreach (string tag in Tags[tags].Split('+', StringSplitOptions.RemoveEmptyEntries))
        {
            int[] words = [.. tag.TrimStart('s').Split('/').Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
            int control = words[0] | (words.ElementAtOrDefault(1) << 13);
            head.Append(tag[0] == 's' ? "88a8" : "8100").Append(control.ToString("x4", CultureInfo.InvariantCulture));
        }
        byte[] payload = [.. Enumerable.Range(0, PayloadLength).Select(i => (byte)i)];
        (payload[0], payload[1], payload[2], payload[3]) = ((byte)from, (byte)(number >> 8), (byte)number, 0);
        return [.. Convert.FromHexString($"{head}88b5"), .. payload];
    }

    /// <summary>One of the two switches with its wires.</summary>
    private sealed class Side(OpenVswitch database, NetworkNamespace place, NetworkNamespace outside, string? controlSocket) : IAsyncDisposable
    {
        public OpenVswitch Database => database;

        public NetworkNamespace Place => place;

        /// <summary>The control socket of the switch; null for Open vSwitch's daemon.</summary>
        public string? ControlSocket => controlSocket;

        public List<WireEnd> Ends { get; } = [];

        /// <summary>What came out of each wire.</summary>
        public List<byte[]>[] Frames { get; } = [.. Enumerable.Range(0, Wires).Select(_ => new List<byte[]>())];

        public async Task ConnectAsync(TestFolder folder)
        {
            string batch = folder.File($"{place.Name}.ip");
            await File.WriteAllLinesAsync(batch, Enumerable.Range(1, Wires).SelectMany(i => (string[])
            [
                $"link add p{i} type veth peer name w{i} netns {outside.Name}",
                $"link set dev p{i} up",
            ]));
            await place.RunAsync("ip", "-batch", batch);
            await File.WriteAllLinesAsync(batch, Enumerable.Range(1, Wires).Select(i => $"link set dev w{i} up"));
            await outside.RunAsync("ip", "-batch", batch);
            for (int i = 1; i <= Wires; i++)
                Ends.Add(new WireEnd(outside, $"w{i}"));
        }

        /// <summary>Forgets the addresses, and what Open vSwitch has decided before it was told otherwise.</summary>
        public async Task BeginAsync()
        {
            await AskAsync("fdb/flush");
            await PurgeAsync();
        }

        /// <summary>Has Open vSwitch forget its flows: their last counts would have it learn anew what a change has it forget.</summary>
        public Task PurgeAsync() => controlSocket is null ? AskAsync("revalidator/purge") : Task.CompletedTask;

        /// <summary>The addresses that the first bridge knows, each with its port and VLAN.</summary>
        public async Task<string[]> AddressesAsync()
        {
            // The columns are port, VLAN, address and age.
            string[] lines = (await AskAsync("fdb/show", "br0")).Split('\n')[1..];
            return [.. lines.Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(3))).Order()];
        }

        /// <summary>Asks for an answer, which comes behind what was sent before.</summary>
        public Task EndAsync() => AskAsync("version");

        private Task<string> AskAsync(params string[] command) => controlSocket is null
            ? database.AskAsync(command)
            : ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["--timeout=20", "-t", controlSocket, .. command], Limits.Step);

        public void Drain()
        {
            for (int i = 0; i < Ends.Count; i++)
            {
                while (Ends[i].TryReceiveAny() is { } frame)
                    Frames[i].Add(frame);
            }
        }

        public void Forget() => Array.ForEach(Frames, frames => frames.Clear());

        public async ValueTask DisposeAsync()
        {
            Ends.ForEach(end => end.Dispose());
            await database.DisposeAsync();
        }
    }
}
