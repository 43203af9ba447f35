using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// The switch as the documents describe it: guests in pools by address and VLAN tag, an uplink, and outside of it a network that has an
/// interface for each tag. Those are Open vSwitch's, since not every kernel has VLAN interfaces.
/// </summary>
public sealed class VmdqTests : InteropTest
{
    private const string Outside = "02:00:00:00:00:ff";
    private const int Pings = 20;

    /// <summary>Both ends of the wire, and what tcpdump sees at the outer one.</summary>
    private NetworkNamespace _inside = null!, _outside = null!;
    private WireCapture _capture = null!;
    private SwitchProcess _switch = null!;

    [Fact]
    public async Task GuestsReachEachOtherAndTheOutside()
    {
        string[] sockets = Sockets(2);
        SwitchProcess vhostSwitch = await StartAsync(sockets, "-P");
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.0.0.2");
        Assert.Equal(Pings, await guests[0].PingAsync("10.0.0.2", Pings));
        foreach (QemuGuest guest in guests)
        {
            int device = Array.IndexOf(guests, guest);
            await guest.WaitForPingAsync($"10.1.{device}.100");
            Assert.Equal(Pings, await guest.PingAsync($"10.1.{device}.100", Pings));
            // From the outside too, whose broadcasts carry the tag of one pool.
            await _outside.RunAsync("ping", "-c", "3", "-i", "0.2", "-W", "5", $"10.1.{device}.1");
        }
        await vhostSwitch.WaitForLineAsync(new Regex($"MAC_ADDRESS {Mac(0)} and VLAN_TAG 1000 registered"), Limits.Step);
        await vhostSwitch.WaitForLineAsync(new Regex($"MAC_ADDRESS {Mac(1)} and VLAN_TAG 1001 registered"), Limits.Step);
        Assert.All(_capture.Frames.Where(frame => frame.From == Mac(0)), frame => Assert.Equal(1000, frame.Vlan));
        Assert.All(_capture.Frames.Where(frame => frame.From == Mac(1)), frame => Assert.Equal(1001, frame.Vlan));
        Assert.DoesNotContain(_capture.Frames, IsBetweenGuests);
        Assert.DoesNotContain((await vhostSwitch.StatusAsync()).Drops(), drop => drop.Contains("not_registered"));
    }

    /// <summary>Mode 0: what a guest sends to another leaves by the uplink, with the sender's tag, and does not come back.</summary>
    [Fact]
    public async Task WithoutVm2VmGuestsDoNotHearOfEachOther()
    {
        string[] sockets = Sockets(2);
        await StartAsync(sockets, "--vm2vm", "0", "-P");
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].SetNeighbourAsync("10.0.0.2", Mac(1));
        await guests[1].SetNeighbourAsync("10.0.0.1", Mac(0));
        await guests[0].WaitForPingAsync("10.1.0.100");
        await guests[1].WaitForPingAsync("10.1.1.100");
        Assert.Equal(0, await guests[0].PingAsync("10.0.0.2", 3));
        await _capture.WaitForAsync(frame => frame.From == Mac(0) && frame.To == Mac(1) && frame.Vlan == 1000, "the guest's frames at the uplink");
        Assert.Equal("0", (await guests[1].CheckAsync("grep -c 10.0.0.1 /proc/net/arp | sed s/1/0/")).Trim());
        Assert.Equal(Pings, await guests[0].PingAsync("10.1.0.100", Pings));
    }

    /// <summary>Mode 2 with an uplink that has no switch of its own: this one does as it would, and nothing of it is seen outside.</summary>
    [Fact]
    public async Task TheEmulatedSwitchOfTheUplinkBringsFramesToTheOtherGuest()
    {
        string[] sockets = Sockets(2);
        await StartAsync(sockets, "--vm2vm", "2", "-P");
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.0.0.2");
        Assert.Equal(Pings, await guests[0].PingAsync("10.0.0.2", Pings));
        await guests[0].WaitForPingAsync("10.1.0.100");
        Assert.DoesNotContain(_capture.Frames, IsBetweenGuests);
    }

    /// <summary>Without -P a device gets what carries its address and its tag, and no broadcast.</summary>
    [Fact]
    public async Task BroadcastsFromOutsideNeedPromiscuousPools()
    {
        string[] sockets = Sockets(1);
        SwitchProcess vhostSwitch = await StartAsync(sockets);
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.1.0.100");
        await _outside.IpHereAsync("neigh flush all");
        long before = Mismatches(await vhostSwitch.StatusAsync());
        await Assert.ThrowsAsync<RigException>(() => _outside.RunAsync("ping", "-c", "1", "-W", "3", "10.1.0.1"));
        Assert.True(Mismatches(await vhostSwitch.StatusAsync()) > before, "the broadcasts are counted as pool_mismatch");
        await _outside.IpHereAsync($"neigh replace 10.1.0.1 lladdr {Mac(0)} dev wire.1000");
        await _outside.RunAsync("ping", "-c", "3", "-i", "0.2", "-W", "5", "10.1.0.1");

        static long Mismatches(SwitchStatus status) => status.Ports.SelectMany(port => port.Queues).Sum(queue => queue.Drops.GetValueOrDefault("pool_mismatch"));
    }

    /// <summary>The tag reaches the guest or not: its first 16 bytes are what testpmd prints.</summary>
    [Theory]
    [InlineData("0", "type=0x8100")]
    [InlineData("1", "type=0x0800")]
    public async Task TheTagIsStrippedWhereTheOptionSaysSo(string strip, string type)
    {
        string[] sockets = Sockets(1);
        await StartAsync(sockets, "--vlan-strip", strip);
        Testpmd guest = await StartTestpmdAsync(new() { Ports = [new VirtioUserPort(sockets[0], Mac(0))], Peers = [Outside], ForwardMode = "rxonly", MoreOptions = ["--no-flush-rx"] });
        await guest.CommandAsync("set verbose 1");
        await guest.CommandAsync("set fwd mac");
        await guest.StartForwardingAsync(txFirst: true);
        await _capture.WaitForAsync(frame => frame.From == Mac(0) && frame.Vlan == 1000, "the guest's first frames");
        await _outside.IpHereAsync($"neigh replace 10.1.0.1 lladdr {Mac(0)} dev wire.1000");
        int from = guest.Transcript.Length;
        await Assert.ThrowsAsync<RigException>(() => _outside.RunAsync("ping", "-c", "3", "-i", "0.2", "-W", "1", "10.1.0.1"));
        await guest.Transcript.WaitForLineAsync(new Regex($"src={Outside} - dst={Mac(0)} - (pool=\\S+ - )?{type}", RegexOptions.IgnoreCase), Limits.Step, from);
    }

    [Fact]
    public async Task ADeviceWithTheAddressOfAnotherIsNotRegistered()
    {
        string[] sockets = Sockets(2);
        SwitchProcess vhostSwitch = await StartAsync(sockets);
        QemuGuest first = await StartGuestAsync(new() { Name = "first", Nics = [new GuestNic(sockets[0], Mac(0))] });
        await first.WaitForBootAsync();
        await first.SetAddressAsync("10.1.0.1/24");
        await first.WaitForPingAsync("10.1.0.100");
        QemuGuest second = await StartGuestAsync(new() { Name = "second", Nics = [new GuestNic(sockets[1], Mac(0))] });
        await second.WaitForBootAsync();
        await second.SetAddressAsync("10.1.0.2/24");
        Assert.Equal(0, await second.PingAsync("10.1.0.100", 2));
        await vhostSwitch.WaitForLineAsync(
            new Regex(@"^\(1\) WARNING: This device is using an existing MAC address and has not been registered\.$"), Limits.Step);
        Assert.Contains((await vhostSwitch.StatusAsync()).Drops(), drop => drop.Contains("not_registered"));
        Assert.Equal(Pings, await first.PingAsync("10.1.0.100", Pings));
        Assert.DoesNotContain(_capture.Frames, frame => frame.Vlan == 1001);
    }

    /// <summary>A guest that is killed while frames come for it leaves a pool that takes nothing; its successor has the same tag.</summary>
    [Fact]
    public async Task ADeviceGoesUnderTraffic()
    {
        string[] sockets = Sockets(2);
        SwitchProcess vhostSwitch = await StartAsync(sockets, "-P");
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.1.0.100");
        await guests[1].WaitForPingAsync("10.1.1.100");
        Own(_outside.Start("flood", "ping", ["-f", "-q", "10.1.0.1"]), flood => [flood.Transcript]);
        await vhostSwitch.WaitForStatusAsync(status => status.PortAt(sockets[0]).FramesToGuest > 500, "frames for the guest");
        await guests[0].KillAsync();
        await vhostSwitch.WaitForLineAsync(new Regex(@"^\(0\) Device has been removed from data core"), Limits.Step);
        await vhostSwitch.WaitForStatusAsync(status => status.Drops().Any(drop => drop.Contains("pool_mismatch")), "frames for nobody");
        Assert.Equal(Pings, await guests[1].PingAsync("10.1.1.100", Pings));

        QemuGuest successor = await StartGuestAsync(new() { Name = "again", Nics = [new GuestNic(sockets[0], Mac(0))] });
        await successor.WaitForBootAsync();
        await successor.SetAddressAsync("10.1.0.1/24");
        await successor.WaitForPingAsync("10.1.0.100");
        Assert.All(_capture.Frames.Where(frame => frame.From == Mac(0)), frame => Assert.Equal(1000, frame.Vlan));
    }

    private static string Mac(int index) => $"52:54:00:00:02:{index:x2}";

    private static bool IsBetweenGuests(CapturedFrame frame) => (frame.From, frame.To) == (Mac(0), Mac(1)) || (frame.From, frame.To) == (Mac(1), Mac(0));

    private string[] Sockets(int count) => [.. Enumerable.Range(0, count).Select(i => Folder.File($"s{i}"))];

    // The switch with its uplink on one end of a wire; at the other end an interface for each of two tags: 10.1.0.100 and 10.1.1.100.
    private async Task<SwitchProcess> StartAsync(string[] sockets, params string[] options)
    {
        _inside = await MakeNamespaceAsync();
        _outside = await MakeNamespaceAsync();
        await _inside.ConnectAsync("uplink", _outside, "wire");
        OpenVswitch vlans = Own(OpenVswitch.Create(Folder), v => v.Transcripts);
        await vlans.StartPlainAsync(_outside);
        await vlans.AddTrunkAsync("wire");
        for (int device = 0; device < 2; device++)
        {
            string name = $"wire.{1000 + device}";
            await vlans.AddAccessInterfaceAsync(name, 1000 + device);
            await _outside.IpHereAsync($"link set {name} address {Outside}");
            await _outside.IpHereAsync($"link set {name} up");
            await _outside.IpHereAsync($"addr add 10.1.{device}.100/24 dev {name}");
        }
        _capture = Own(await WireCapture.StartAsync(_outside, "wire"), capture => [capture.Transcript]);
        return _switch = await StartSwitchAsync(new()
        {
            Sockets = sockets, Mode = null, Namespace = _inside, Devices = ["net_af_packet0,iface=uplink"], MoreOptions = ["-p", "0x1", .. options],
        });
    }

    // Guest i has 10.0.0.(i+1) among the guests, and 10.1.i.1 towards the outside.
    private async Task<QemuGuest[]> StartGuestsAsync(string[] sockets)
    {
        QemuGuest[] guests = new QemuGuest[sockets.Length];
        for (int i = 0; i < guests.Length; i++)
        {
            guests[i] = await StartGuestAsync(new() { Name = $"guest{i}", Nics = [new GuestNic(sockets[i], Mac(i))] });
            // Devices are numbered, and tagged, as they connect.
            await _switch.WaitForStatusAsync(status => status.PortAt(sockets[i]).Name == $"vhost{i}", $"guest {i} as device {i}");
        }
        for (int i = 0; i < guests.Length; i++)
        {
            await guests[i].WaitForBootAsync();
            await guests[i].SetAddressAsync($"10.0.0.{i + 1}/24");
            await guests[i].CheckAsync($"ip addr add 10.1.{i}.1/24 dev eth0");
        }
        return guests;
    }
}
