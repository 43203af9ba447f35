using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// "DPDK vHost User Ports" of Open vSwitch's documents, its commands and QEMU's options as they stand there, on a real ovsdb-server: guests whose
/// QEMU serves the sockets live through the end of the switch, of the database's server, and of each other.
/// </summary>
public sealed class OvsdbClientPortTests : InteropTest
{
    private const string Server = "10.0.0.1";
    private const string Client = "10.0.0.2";
    private const int MemoryMiB = 256;
    private const int StreamBytes = 20_000_000;
    private const int ShortBytes = 1_000_000;

    /// <summary>Frames from the guest that sends the stream, after which it is on its way.</summary>
    private const int EnoughFrames = 300;

    private OpenVswitch? _openVswitch;
    private NetworkNamespace? _place;

    private OpenVswitch Ovs => _openVswitch!;

    // The documents' lines. Where the copy at hand has lost the end of a command, which a backslash announces, it is among the changes.
    private const string FirstPort =
        """
        ovs-vsctl add-port br0 dpdkvhostclient0 \
            -- set Interface dpdkvhostclient0 type=dpdkvhostuserclient \
        """;

    private const string SecondPort =
        """
        ovs-vsctl add-port br0 dpdkvhostclient1 \
            -- set Interface dpdkvhostclient1 type=dpdkvhostuserclient \
        """;

    private const string ClientPort =
        """
        ovs-vsctl add-port br0 vhost-client-1 \
            -- set Interface vhost-client-1 type=dpdkvhostuserclient \
        """;

    private const string ServerPort =
        """
        ovs-vsctl add-port br0 vhost-user-1 -- set Interface vhost-user-1 \
        """;

    private const string SocketFolder =
        """
        ovs-vsctl --no-wait \
            set Open_vSwitch . other_config:vhost-sock-dir=subdir
        """;

    private const string Iommu = "ovs-vsctl set Open_vSwitch . other_config:vhost-iommu-support=true";

    private const string ClientDevice =
        """
        -chardev socket,id=char1,path=$VHOST_USER_SOCKET_PATH,server
        -netdev type=vhost-user,id=mynet1,chardev=char1,vhostforce
        -device virtio-net-pci,mac=00:00:00:00:00:01,netdev=mynet1
        """;

    private const string FirstServerDevice =
        """
        -chardev socket,id=char1,path=/usr/local/var/run/openvswitch/vhost-user-1
        -netdev type=vhost-user,id=mynet1,chardev=char1,vhostforce
        -device virtio-net-pci,mac=00:00:00:00:00:01,netdev=mynet1
        """;

    private const string SecondServerDevice =
        """
        -chardev socket,id=char2,path=/usr/local/var/run/openvswitch/vhost-user-2
        -netdev type=vhost-user,id=mynet2,chardev=char2,vhostforce
        -device virtio-net-pci,mac=00:00:00:00:00:02,netdev=mynet2
        """;

    private const string MultiqueueDevice =
        """
        -chardev socket,id=char2,path=/usr/local/var/run/openvswitch/vhost-user-2
        -netdev type=vhost-user,id=mynet2,chardev=char2,vhostforce,queues=$q
        -device virtio-net-pci,mac=00:00:00:00:00:02,netdev=mynet2,mq=on,vectors=$v
        """;

    private const string Memory =
        """
        -object memory-backend-file,id=mem,size=4096M,mem-path=/dev/hugepages,share=on
        -numa node,memdev=mem -mem-prealloc
        """;

    public override async ValueTask InitializeAsync()
    {
        _openVswitch = Own(OpenVswitch.Create(Folder), o => o.Transcripts);
        await Ovs.StartDatabaseAsync();
        _place = await MakeNamespaceAsync();
        Directory.CreateDirectory(Ovs.File("subdir"));
    }

    [Fact]
    public async Task GuestsOfTheDocumentLiveThroughTheEndOfEveryoneElse()
    {
        SwitchProcess vhostSwitch = Start();
        await vhostSwitch.WaitUntilServingAsync();
        // These two are read once, when there is a bridge.
        await ConfigureAsync(SocketFolder);
        await ConfigureAsync(Iommu);
        await Ovs.ConfigureAsync("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev");
        string[] sockets = [Folder.File("dpdkvhostclient0"), Folder.File("dpdkvhostclient1")];
        await ConfigureAsync(FirstPort, (@"\\$", $"options:vhost-server-path={sockets[0]}"));
        await ConfigureAsync(SecondPort, (@"\\$", $"options:vhost-server-path={sockets[1]}"));
        await ConfigureAsync(ClientPort, (@"\\$", $"options:vhost-server-path={Folder.File("socket")}"));
        await ConfigureAsync(ServerPort, (@"\\$", "type=dpdkvhostuser"));
        // The document has no commands for its other two server ports.
        foreach (string name in (string[])["vhost-user-2", "vhost-user-3"])
            await ConfigureAsync(ServerPort, ("vhost-user-1", name), (@"\\$", "type=dpdkvhostuser"));
        Assert.Equal(
            $"{{detail=\"waiting for a front-end: there is no {sockets[0]} yet\", mode=client, status=disconnected}}",
            await Ovs.ConfigureAsync("get", "Interface", "dpdkvhostclient0", "status"));

        // QEMU waits until the switch has connected.
        QemuGuest server = await StartGuestAsync(Guest("server",
        [
            .. Device(ClientDevice, (@"\$VHOST_USER_SOCKET_PATH", sockets[0])),
            .. Device(SecondServerDevice),
        ]));
        QemuGuest client = await StartGuestAsync(Guest("client",
        [
            // A guest with several of the document's devices needs names and addresses of its own for each of them.
            .. Device(ClientDevice, (@"\$VHOST_USER_SOCKET_PATH", sockets[1]), ("00:00:00:00:00:01", "00:00:00:00:00:03")),
            .. Device(FirstServerDevice, ("char1", "char3"), ("mynet1", "mynet3"), ("00:00:00:00:00:01", "00:00:00:00:00:04")),
            .. Device(MultiqueueDevice, ("vhost-user-2", "vhost-user-3"), ("00:00:00:00:00:02", "00:00:00:00:00:05"), (@"\$q", "2"), (",vectors=\\$v", "")),
        ]));
        await BringUpAsync(server, Server);
        await BringUpAsync(client, Client);
        await client.WaitForPingAsync(Server);
        Assert.Equal(10, await server.PingAsync(Client, 10));
        Assert.Contains(
            "mode=client, n_rxq=\"1\", n_txq=\"1\", num_of_vrings=\"2\"", await Ovs.ConfigureAsync("get", "Interface", "dpdkvhostclient0", "status"), StringComparison.Ordinal);

        foreach (var guest in (QemuGuest[])[server, client])
            await guest.KeepNetworksApartAsync();
        await server.SetAddressAsync("10.1.0.1/24", "eth1");
        await client.SetAddressAsync("10.1.0.2/24", "eth1");
        await server.WaitForPingAsync("10.1.0.2");
        await client.CheckAsync("ethtool -L eth2 combined 2 && ip addr del 10.1.0.2/24 dev eth1");
        await client.SetAddressAsync("10.1.0.3/24", "eth2");
        await server.WaitForPingAsync("10.1.0.3");
        Assert.Equal("\"2\"", await Ovs.ConfigureAsync("get", "Interface", "vhost-user-3", "status:n_rxq"));

        // A busy machine may take longer to start the switch again than ARP has patience.
        await server.SetNeighbourAsync(Client, "00:00:00:00:00:03");
        await client.SetNeighbourAsync(Server, "00:00:00:00:00:01");
        string hash = await GuestTransfer.ServeAsync(server, StreamBytes);
        await client.CheckAsync($"(wget -q -O - http://{Server}/file | sha256sum >/tmp/hash 2>/tmp/errors; touch /tmp/end) >/dev/null 2>&1 &");
        await WaitForStreamAsync(vhostSwitch, sockets[0]);
        await vhostSwitch.KillAsync();
        Assert.Equal(1, (await client.RunAsync("[ -e /tmp/end ]")).ExitCode);
        vhostSwitch = Start();
        await WaitForStreamAsync(vhostSwitch, sockets[0]);
        await client.CheckAsync("until [ -e /tmp/end ]; do sleep 0.2; done", GuestTransfer.LimitFor(StreamBytes));
        Assert.Equal("", await client.CheckAsync("cat /tmp/errors"));
        Assert.Equal(hash, await client.CheckAsync("cat /tmp/hash"));

        hash = await GuestTransfer.ServeAsync(server, ShortBytes);
        await Ovs.StopDatabaseAsync();
        Assert.Equal(hash, await GuestTransfer.FetchAsync(client, Server, ShortBytes));
        long frames = (await vhostSwitch.StatusAsync()).PortAt(sockets[0]).FramesFromGuest;
        await Ovs.ServeDatabaseAsync();
        await Ovs.ConfigureAsync("add-port", "br0", "n0", "--", "set", "Interface", "n0", "type=dpdk", "options:dpdk-devargs=net_null0");
        Assert.Equal(hash, await GuestTransfer.FetchAsync(client, Server, ShortBytes));
        // The port is the same: it has gone on counting.
        Assert.InRange((await vhostSwitch.StatusAsync()).PortAt(sockets[0]).FramesFromGuest, frames + 1, long.MaxValue);

        await client.KillAsync();
        await vhostSwitch.WaitForStatusAsync(
            status => status.PortAt(sockets[1]).Status == $"waiting for a front-end: nobody listens at {sockets[1]}", "a port whose front-end has gone");
        client = await StartGuestAsync(Guest("client2",
            Device(ClientDevice, (@"\$VHOST_USER_SOCKET_PATH", sockets[1]), ("00:00:00:00:00:01", "00:00:00:00:00:03"))));
        await BringUpAsync(client, Client);
        await client.WaitForPingAsync(Server);
        Assert.Equal(hash, await GuestTransfer.FetchAsync(client, Server, ShortBytes));
    }

    private SwitchProcess Start() =>
        Own(SwitchProcess.StartWith(Folder, ["-l", "0", "--", "--ovsdb", Ovs.Database, "--ctl-socket", Folder.File("ctl")], [], Folder.File("ctl"), _place), p => [p.Transcript]);

    /// <summary>Frames of the stream go through this switch, which has made its ports by then, and through no other.</summary>
    private static async Task WaitForStreamAsync(SwitchProcess vhostSwitch, string socket)
    {
        await vhostSwitch.WaitUntilAnsweringAsync();
        // TCP tries again after 0.2, 0.4, 0.8, ... s; the guests are slow.
        await vhostSwitch.WaitForStatusAsync(
            status => status.Ports.Any(port => port.Endpoint == socket && port.FramesFromGuest >= EnoughFrames), "the stream", TimeSpan.FromSeconds(40));
    }

    private static async Task BringUpAsync(QemuGuest guest, string address)
    {
        await guest.WaitForBootAsync();
        await guest.SetAddressAsync($"{address}/24");
    }

    /// <summary>Runs one of the document's commands; that it returns means that the switch has done it.</summary>
    private async Task ConfigureAsync(string command, params (string Was, string Is)[] changes)
    {
        string[] words = Words(command, changes);
        Assert.Equal("ovs-vsctl", words[0]);
        await Ovs.ConfigureAsync(words[1..]);
    }

    /// <summary>QEMU's options for one of the document's devices. Without KVM, QEMU 7.2 ends with MSI-X.</summary>
    private string[] Device(string options, params (string Was, string Is)[] changes)
    {
        if (options.Contains("/usr/local", StringComparison.Ordinal)) changes = [("/usr/local/var/run/openvswitch", Ovs.File("subdir")), .. changes];
        return Words(options, [.. changes, ("$", ",vectors=0")]);
    }

    private QemuGuestOptions Guest(string name, string[] devices) => new()
    {
        Name = name,
        Memory = GuestMemory.Anonymous,
        MemoryMiB = MemoryMiB,
        MoreArguments = [.. Words(Memory, ("4096M", $"{MemoryMiB}M"), ("/dev/hugepages", Folder.File($"{name}.mem"))), .. devices],
    };

    /// <summary>The words of lines from the document.</summary>
    /// <param name="changes">What stands there, as a regular expression, and what is there instead.</param>
    private static string[] Words(string lines, params (string Was, string Is)[] changes)
    {
        foreach ((string was, string @is) in changes)
        {
            Assert.Matches(was, lines);
            lines = Regex.Replace(lines, was, _ => @is);
        }
        return lines.Replace("\\\n", " ", StringComparison.Ordinal).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }
}
