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
            "--", "add-port", "br0", "to1", "--", "set", "Interface", "to1", "type=patch", "options:peer=to0", "--", "set", "Port", "to1", "tag=10", "vlan_mode=native-untagged",
            "--", "add-port", "br1", "to0", "--", "set", "Interface", "to0", "type=patch", "options:peer=to1"]);
    }

    private async Task StartAsync()
    {
        _reference = Own(new Side(OpenVswitch.Create(Folder, "theirs"), await MakeNamespaceAsync(), await MakeNamespaceAsync(), null), s => s.Database.Transcripts);
        _own = Own(new Side(OpenVswitch.Create(Folder, "ours"), await MakeNamespaceAsync(), await MakeNamespaceAsync(), Folder.File("ctl")), s => s.Database.Transcripts);
        await Task.WhenAll(Sides.Select(side => side.ConnectAsync(Folder)));
        await Task.WhenAll(StartReferenceAsync(), StartOwnAsync());
        string[] ports = [.. Enumerable.Range(1, Wires).SelectMany(i => new[] { "--", "add-port", "br0", $"p{i}" })];
        await Task.WhenAll(Sides.Select(side => side.Database.ConfigureAsync(ports)));
    }

    private async Task StartReferenceAsync() => await _reference!.Database.StartPlainAsync(_reference.Place);

    private async Task StartOwnAsync()
    {
        Side own = _own!;
        await own.Database.StartDatabaseAsync();
        SwitchProcess vhostSwitch = Own(
            SwitchProcess.StartWith(Folder, ["-l", "0", "--", "--ovsdb", own.Database.Database, "--ctl-socket", own.ControlSocket!], [], own.ControlSocket, own.Place),
            p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        await own.Database.ConfigureAsync("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev");
    }

    private async Task CompareAsync(string what, params string[] commands)
    {
        await Task.WhenAll(Sides.Select(side => side.Database.ConfigureAsync(commands)));
        await Task.WhenAll(Sides.Select(side => side.SettleAsync(flush: true)));
        int number = 0;
        // What everybody hears, by which every sender is learned in every VLAN it reaches.
        foreach (int from in Enumerable.Range(1, Wires))
        {
            foreach (string tags in Tags)
                Send(from, Frame("ffffffffffff", from, tags, number++));
            foreach (string group in Groups)
                Send(from, Frame(group, from, "", number++));
        }
        await AssertSameAsync(what);
        foreach (int from in Enumerable.Range(1, Wires))
        {
            // A destination that nobody has, and all others.
            foreach (int to in Enumerable.Range(1, Wires + 1))
            {
                foreach (string tags in Tags)
                    Send(from, Frame(Address(to), from, tags, number++));
            }
            await AssertSameAsync($"{what}, known addresses, from p{from}");
        }
    }

    private void Send(int wire, byte[] frame)
    {
        foreach (Side side in Sides)
            Assert.True(side.Ends[wire - 1].TrySend(0, frame, parts: 1));
    }

    private async Task AssertSameAsync(string what)
    {
        await Until.TrueAsync(
            () =>
            {
                Array.ForEach(Sides, side => side.Drain());
                return Differences() is null;
            },
            Limits.Step,
            $"{what}: the same frames",
            () => Differences() ?? "");
        // Whatever one of them has more is there when both have answered.
        await Task.WhenAll(Sides.Select(side => side.SettleAsync(flush: false)));
        Array.ForEach(Sides, side => side.Drain());
        Assert.Null(Differences());
        Assert.Contains(_own!.Frames, frames => frames.Count > 0);
        Array.ForEach(Sides, side => side.Forget());
    }

    private string? Differences()
    {
        StringBuilder text = new();
        for (int i = 0; i < Wires; i++)
        {
            string[] theirs = [.. _reference!.Frames[i].Select(Convert.ToHexStringLower).Order()], ours = [.. _own!.Frames[i].Select(Convert.ToHexStringLower).Order()];
            if (theirs.SequenceEqual(ours)) continue;
            text.AppendLine(CultureInfo.InvariantCulture, $"p{i + 1}: {theirs.Length} frames of Open vSwitch, {ours.Length} of the switch");
            foreach (string frame in theirs.Except(ours).Take(5))
                text.AppendLine(CultureInfo.InvariantCulture, $"  theirs alone {frame}");
            foreach (string frame in ours.Except(theirs).Take(5))
                text.AppendLine(CultureInfo.InvariantCulture, $"  ours alone   {frame}");
        }
        return text.Length == 0 ? null : text.ToString();
    }

    private static string Address(int wire) => $"0200000000{wire:x2}";

    private static byte[] Frame(string to, int from, string tags, int number)
    {
        StringBuilder head = new($"{to}{Address(from)}");
        foreach (string tag in tags.Split('+', StringSplitOptions.RemoveEmptyEntries))
        {
            int[] words = [.. tag.TrimStart('s').Split('/').Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
            head.Append(tag[0] == 's' ? "88a8" : "8100").Append((words[0] | (words.ElementAtOrDefault(1) << 13)).ToString("x4", CultureInfo.InvariantCulture));
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

        /// <summary>Waits until the switch goes by what it was told; it has looked at what was sent before.</summary>
        public async Task SettleAsync(bool flush)
        {
            if (controlSocket is not null)
            {
                await ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["--timeout=20", "-t", controlSocket, flush ? "fdb/flush" : "version"], Limits.Step);
                return;
            }
            if (flush) await database.AskAsync("fdb/flush");
            await database.AskAsync("revalidator/wait");
        }

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
