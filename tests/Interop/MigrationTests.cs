using System.Text.Json;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>A guest moves from one QEMU to another, both on one switch, while it receives files over TCP.</summary>
public sealed class MigrationTests : InteropTest
{
    private const string ServerAddress = "10.0.0.1";
    private const string MovingAddress = "10.0.0.2";
    private const string ServerMac = "52:54:00:00:00:01";
    private const string MovingMac = "52:54:00:00:00:02";

    private static readonly int FileBytes = FullRun.Requested ? 50_000_000 : 10_000_000;

    /// <summary>Frames of data after which a stream is under way.</summary>
    private const int EnoughData = 500;

    /// <summary>TCP tries again after 0.2, 0.4, 0.8, ... s; the guests are slow.</summary>
    private static readonly TimeSpan Resumption = TimeSpan.FromSeconds(40);

    private string ServerSocket => Folder.File("a");

    private string SourceSocket => Folder.File("b");

    private string DestinationSocket => Folder.File("c");

    private string MigrationSocket => Folder.File("m");

    public static IEnumerable<object[]> Precopied => FullRun.Cases(["packed=on", "packed=off,guest_announce=off"], "packed=off");

    /// <summary>The switch's writes into the guest's memory are in the log, or the guest arrives with stale pages.</summary>
    [Theory]
    [MemberData(nameof(Precopied))]
    public async Task AStreamGoesOnInTheNewPlace(string properties)
    {
        SwitchProcess vhostSwitch = await StartSwitchAsync(Options());
        (QemuGuest source, QemuGuest destination, string hash) = await StartStreamAsync(vhostSwitch, properties);

        await source.StartMigrationAsync(MigrationSocket);
        JsonElement migration = await source.WaitForMigratedAsync();
        // The first pass copies all of the memory; what comes after it is what was written meanwhile.
        Assert.InRange(Ram(migration, "dirty-sync-count"), 2, long.MaxValue);

        await AssertMovedAsync(vhostSwitch, properties);
        await AssertStreamIsRightAsync(source, destination, hash);
    }

    public static IEnumerable<object[]> Postcopied => FullRun.Cases(["packed=off"], "packed=on");

    /// <summary>The guest runs in its new place ahead of its memory: who needs a page that is not there yet, the switch too, waits for it.</summary>
    [Theory]
    [MemberData(nameof(Postcopied))]
    public async Task AStreamGoesOnAheadOfTheMemory(string properties)
    {
        const int slow = 2_000_000;
        const long some = 1_000_000;
        SwitchProcess vhostSwitch = await StartSwitchAsync(Options() with { MoreOptions = ["--postcopy"] });
        (QemuGuest source, QemuGuest destination, string hash) = await StartStreamAsync(vhostSwitch, properties);
        await source.UseMigrationCapabilityAsync("postcopy-ram");
        await destination.UseMigrationCapabilityAsync("postcopy-ram");
        await source.LimitMigrationAsync(slow);

        await source.StartMigrationAsync(MigrationSocket);
        await source.WaitForMigrationAsync(state => Ram(state, "transferred") > some, "some memory is copied");
        await source.StartPostcopyAsync();
        JsonElement migration = await source.WaitForMigratedAsync();
        Assert.InRange(Ram(migration, "postcopy-requests"), 1, long.MaxValue);
        Assert.InRange(Ram(migration, "postcopy-bytes"), some, long.MaxValue);

        await AssertMovedAsync(vhostSwitch, properties);
        await AssertStreamIsRightAsync(source, destination, hash);
    }

    /// <summary>A guest that says nothing by itself: that its neighbours find it is the switch's doing, on QEMU's request.</summary>
    [Fact]
    public async Task TheSwitchAnnouncesAGuestThatDoesNot()
    {
        const string sentFrames = "cat /sys/class/net/eth0/statistics/tx_packets";
        const string properties = "guest_announce=off";
        SwitchProcess vhostSwitch = await StartSwitchAsync(Options());
        QemuGuest source = await StartGuestAsync(Moving("source", SourceSocket, properties));
        QemuGuest destination = await StartGuestAsync(Moving("destination", DestinationSocket, properties) with { Incoming = MigrationSocket });
        await source.WaitForBootAsync();
        await destination.WaitForStartAsync();
        // IPv6 speaks up whenever it wants.
        await source.CheckAsync("sysctl -w net.ipv6.conf.all.disable_ipv6=1");
        await source.SetAddressAsync($"{MovingAddress}/24");
        await source.CheckAsync($"arping -U -c 1 -I eth0 {MovingAddress} || true");
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(s => s.Addresses.Any(a => a.Mac == MovingMac), "the guest's address");
        Assert.Equal(status.PortAt(SourceSocket).Name, status.Addresses.Single(a => a.Mac == MovingMac).Port);
        string sentBefore = await source.CheckAsync(sentFrames);

        await source.StartMigrationAsync(MigrationSocket);
        await source.WaitForMigratedAsync();
        await AssertMovedAsync(vhostSwitch, properties);
        Assert.Equal(sentBefore, await destination.CheckAsync(sentFrames));
    }

    /// <summary>A number of query-migrate's about memory; 0 before there is any.</summary>
    private static long Ram(JsonElement migration, string name) =>
        migration.TryGetProperty("ram", out JsonElement ram) ? ram.GetProperty(name).GetInt64() : 0;

    private SwitchOptions Options() => new() { Sockets = [ServerSocket, SourceSocket, DestinationSocket], Mergeable = true };

    private static QemuGuestOptions Moving(string name, string socket, string properties) => new()
    {
        Name = name,
        Nics = [new GuestNic(socket, MovingMac) { Properties = properties }],
        HasMonitor = true,
        Moves = true,
    };

    /// <summary>Starts the guests and has the one that is to move fetch a file again and again, each over a connection of its own.</summary>
    /// <returns>Where it is, where it will be, and the hash of the file.</returns>
    private async Task<(QemuGuest Source, QemuGuest Destination, string Hash)> StartStreamAsync(SwitchProcess vhostSwitch, string properties)
    {
        QemuGuest server = await StartGuestAsync(new() { Name = "server", Nics = [new GuestNic(ServerSocket, ServerMac)] });
        QemuGuest source = await StartGuestAsync(Moving("source", SourceSocket, properties));
        QemuGuest destination = await StartGuestAsync(Moving("destination", DestinationSocket, properties) with { Incoming = MigrationSocket });
        await server.WaitForBootAsync();
        await server.SetAddressAsync($"{ServerAddress}/24");
        string hash = await GuestTransfer.ServeAsync(server, FileBytes);
        await source.WaitForBootAsync();
        await source.SetAddressAsync($"{MovingAddress}/24");
        await destination.WaitForStartAsync();
        await source.WaitForPingAsync(ServerAddress);

        const string fetch = $"wget -q -O - http://{ServerAddress}/file | sha256sum";
        await source.CheckAsync($"(while [ ! -e /tmp/enough ]; do {fetch}; done >/tmp/hashes; touch /tmp/end) >/dev/null 2>&1 &");
        await vhostSwitch.WaitForStatusAsync(s => s.PortAt(SourceSocket).FramesToGuest > EnoughData, "a stream to the guest");
        return (source, destination, hash);
    }

    /// <summary>The guest's port and its address are where the guest is, and nothing is left where it was.</summary>
    private async Task AssertMovedAsync(SwitchProcess vhostSwitch, string properties)
    {
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
            s => s.PortAt(DestinationSocket).IsUp && s.Addresses.Any(a => a.Mac == MovingMac && a.Port == s.PortAt(DestinationSocket).Name),
            "the guest's address at its new port",
            Resumption);
        Assert.False(status.PortAt(SourceSocket).IsUp, status.PortAt(SourceSocket).Status);
        Assert.Equal(properties.Contains("packed=on"), status.PortAt(DestinationSocket).Features.Contains("RING_PACKED"));
        Assert.NotEqual(properties.Contains("guest_announce=off"), status.PortAt(DestinationSocket).Features.Contains("GUEST_ANNOUNCE"));
    }

    /// <summary>Every file arrived unchanged, among them the one that was on its way when the guest moved.</summary>
    private static async Task AssertStreamIsRightAsync(QemuGuest source, QemuGuest destination, string hash)
    {
        await destination.CheckAsync("touch /tmp/enough; until [ -e /tmp/end ]; do sleep 0.2; done", GuestTransfer.LimitFor(FileBytes));
        string[] hashes = (await destination.CheckAsync("cat /tmp/hashes")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(hashes);
        Assert.All(hashes, arrived => Assert.Equal(hash, arrived));
        Assert.Equal(hash, await GuestTransfer.FetchAsync(destination, ServerAddress, FileBytes));
        // The old place knows that it has no guest any more; had both run, frames would have come twice.
        JsonElement old = await source.Monitor.ExecuteAsync("query-status");
        Assert.Equal("postmigrate", old.GetProperty("status").GetString());
    }
}
