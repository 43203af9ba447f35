using System.Text.Json;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>iperf3 in a guest against iperf3 in a namespace behind every kind of uplink.</summary>
public sealed class IperfTests : InteropTest
{
    private const string Mac = "52:54:00:00:04:01";
    private const int Bytes = 4_000_000;

    /// <summary>The sender ends the measurement when it has handed over all of it; what is then in the sockets' buffers arrives uncounted.</summary>
    private const int LeastBytes = Bytes - 1_000_000;

    [Fact]
    public async Task AGuestReachesANamespaceBehindEachKindOfUplink()
    {
        string socket = Folder.File("s");
        NetworkNamespace hub = await MakeNamespaceAsync();
        Station packet = await Station.ByVethAsync(await MakeNamespaceAsync(), hub, "p0", "10.0.0.2");
        Station xdp = await Station.ByVethAsync(await MakeNamespaceAsync(), hub, "p1", "10.0.0.3");
        // AF_XDP has no place for a checksum that is left to do.
        await xdp.SetOffloadsAsync(on: false);
        SwitchProcess vhostSwitch = await StartSwitchAsync(
            new() { Sockets = [socket], Namespace = hub, Devices = ["net_tap0,iface=tap0", "net_af_packet0,iface=p0", "net_af_xdp0,iface=p1"] });
        Station tap = await Station.ByTapAsync(await MakeNamespaceAsync(), hub, "tap0", "10.0.0.1");
        QemuGuest guest = await StartGuestAsync(new() { Name = "guest", Nics = [new GuestNic(socket, Mac)] });
        await guest.WaitForBootAsync();
        await guest.SetAddressAsync("10.0.0.9/24");
        await guest.WaitForPingAsync(tap.Address);
        await BringIperfAsync(tap, guest);
        foreach ((Station station, string port) in ((Station, string)[])[(tap, "net_tap0"), (packet, "net_af_packet0"), (xdp, "net_af_xdp0")])
        {
            Own(await station.StartSinkAsync(), sink => [sink.Transcript]);
            WirePort before = (await vhostSwitch.StatusAsync()).Wire(port);
            Assert.InRange(await MeasureAsync(guest, station, ""), LeastBytes, long.MaxValue);
            Assert.InRange(await MeasureAsync(guest, station, "-R"), LeastBytes, long.MaxValue);
            WirePort after = (await vhostSwitch.StatusAsync()).Wire(port);
            Assert.True(after.BytesIn - before.BytesIn > LeastBytes, $"{port} carried what the namespace sent");
            Assert.True(after.FramesOut - before.FramesOut > LeastBytes / 1514, $"{port} carried what the guest sent");
        }
        Assert.All((await vhostSwitch.StatusAsync()).AllocatedBytes(), bytes => Assert.Equal(0, bytes));
    }

    /// <summary>Runs the client in the guest and gives the bytes that arrived.</summary>
    /// <param name="direction">-R: the namespace sends.</param>
    private static async Task<long> MeasureAsync(QemuGuest guest, Station station, string direction)
    {
        string text = await guest.CheckAsync(
            $"cd /tmp/iperf && LD_LIBRARY_PATH=. ./iperf3 -c {station.Address} -n {Bytes} -w 128K -J {direction}", GuestTransfer.LimitFor(Bytes));
        using JsonDocument result = JsonDocument.Parse(text);
        return result.RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("bytes").GetInt64();
    }

    /// <summary>Takes this host's iperf3 with its libraries over the switch into the guest, whose image is small and has none.</summary>
    private async Task BringIperfAsync(Station station, QemuGuest guest)
    {
        string root = Directory.CreateDirectory(Folder.File("www")).FullName;
        const string pack =
            """
            program=$(command -v iperf3) && mkdir "$1/iperf" && cp "$program" "$1/iperf" || exit 1
            for library in $(ldd "$program" | sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p'); do cp -L "$library" "$1/iperf"; done
            tar -C "$1" -cf "$1/iperf.tar" iperf
            """;
        await ChildProcess.RunAsync("pack iperf3", "sh", ["-c", pack, "sh", root], Limits.Step);
        Own(station.Namespace.Start("httpd", "busybox", ["httpd", "-f", "-p", $"{station.Address}:80", "-h", root]), server => [server.Transcript]);
        int bytes = (int)new FileInfo(Path.Combine(root, "iperf.tar")).Length;
        await guest.CheckAsync(
            $"for i in $(seq 20); do wget -q -O /tmp/iperf.tar http://{station.Address}/iperf.tar && break; sleep 0.5; done; tar -C /tmp -xf /tmp/iperf.tar",
            GuestTransfer.LimitFor(bytes));
    }
}
