using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>The switch is killed under load, again and again, and started anew; its guests notice a pause.</summary>
public sealed class KilledSwitchTests : InteropTest
{
    private const string ServerAddress = "10.0.0.1";
    private const string ClientAddress = "10.0.0.2";
    private const string ServerMac = "52:54:00:00:00:01";
    private const string ClientMac = "52:54:00:00:00:02";
    private const int FileBytes = 10_000_000;

    /// <summary>Frames of data and of acknowledgements after which traffic has resumed.</summary>
    private const int EnoughData = 300;
    private const int EnoughAcknowledgements = 30;

    /// <summary>QEMU connects again after a second; TCP tries again after 0.2, 0.4, 0.8, ... s; the guests are slow.</summary>
    private static readonly TimeSpan Resumption = TimeSpan.FromSeconds(40);

    private static readonly int Kills = FullRun.Requested ? 50 : 5;

    [Theory]
    [InlineData("packed=off")]
    [InlineData("packed=on")]
    public async Task GuestsGoOnAfterEveryKill(string properties)
    {
        SwitchOptions options = new() { Sockets = [Folder.File("a"), Folder.File("b")] };
        SwitchProcess vhostSwitch = await StartSwitchAsync(options);
        QemuGuest server = await StartGuestAsync(Guest("server", options.Sockets[0], ServerMac, properties));
        QemuGuest client = await StartGuestAsync(Guest("client", options.Sockets[1], ClientMac, properties));
        await BringUpAsync(server, ServerAddress);
        await BringUpAsync(client, ClientAddress);
        await client.WaitForPingAsync(ServerAddress);
        // A busy machine may take longer to start the switch again than ARP has patience.
        await server.SetNeighbourAsync(ClientAddress, ClientMac);
        await client.SetNeighbourAsync(ServerAddress, ServerMac);
        string hash = await GuestTransfer.ServeAsync(server, FileBytes);

        // Whole files one after the other, each over a connection that lives through the kills.
        const string fetch = $"wget -q -O - http://{ServerAddress}/file | sha256sum";
        await client.CheckAsync($"(while [ ! -e /tmp/enough ]; do {fetch}; done >/tmp/hashes 2>/tmp/errors; touch /tmp/end) >/dev/null 2>&1 &");
        for (int kill = 0; kill <= Kills; kill++)
        {
            if (kill > 0)
            {
                await vhostSwitch.KillAsync();
                vhostSwitch = await StartSwitchAgainAsync(options);
            }
            SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
                status => FramesFrom(status, options.Sockets[0]) >= EnoughData && FramesFrom(status, options.Sockets[1]) >= EnoughAcknowledgements,
                $"traffic after {kill} kills",
                Resumption);
            Assert.All(options.Sockets, socket => Assert.Equal(properties == "packed=on", status.PortAt(socket).Features.Contains("RING_PACKED")));
        }

        await client.CheckAsync("touch /tmp/enough; until [ -e /tmp/end ]; do sleep 0.2; done", GuestTransfer.LimitFor(FileBytes));
        string[] hashes = (await client.CheckAsync("cat /tmp/hashes")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("", await client.CheckAsync("cat /tmp/errors"));
        Assert.NotEmpty(hashes);
        Assert.All(hashes, arrived => Assert.Equal(hash, arrived));
        Assert.Equal(hash, await GuestTransfer.FetchAsync(client, ServerAddress, FileBytes));
        Assert.Equal(10, await server.PingAsync(ClientAddress, 10));
        Assert.Equal(10, await client.PingAsync(ServerAddress, 10));
    }

    private static long FramesFrom(SwitchStatus status, string socket) =>
        status.Ports.Where(port => port.Endpoint == socket).Sum(port => port.FramesFromGuest);

    private static QemuGuestOptions Guest(string name, string socket, string mac, string properties) => new()
    {
        Name = name,
        Nics = [new GuestNic(socket, mac) { Properties = properties, ReconnectSeconds = 1 }],
    };

    private static async Task BringUpAsync(QemuGuest guest, string address)
    {
        await guest.WaitForBootAsync();
        await guest.SetAddressAsync($"{address}/24");
    }
}
