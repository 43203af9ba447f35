using System.Text.Json.Nodes;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>A guest gets more memory, and gives some back, while it receives files over TCP.</summary>
public sealed class MemoryHotplugTests : InteropTest
{
    private const string ServerAddress = "10.0.0.1";
    private const string ClientAddress = "10.0.0.2";
    private const long MiB = 1 << 20;

    /// <summary>Linux takes memory in blocks of 128 MiB.</summary>
    private const int ModuleMiB = 128;

    private static readonly int FileBytes = FullRun.Requested ? 50_000_000 : 10_000_000;
    private static readonly int Rounds = FullRun.Requested ? 10 : 2;

    /// <summary>Frames of data after which the stream has gone on.</summary>
    private const int EnoughData = 300;

    /// <summary>A guest empties a module before it lets go of it, and says no while it cannot.</summary>
    private static readonly TimeSpan Release = TimeSpan.FromSeconds(60);

    public static IEnumerable<object[]> Rings => FullRun.Cases(["packed=off"], "packed=on");

    [Theory]
    [MemberData(nameof(Rings))]
    public async Task AStreamGoesOnWhileMemoryComesAndGoes(string properties)
    {
        string serverSocket = Folder.File("a"), clientSocket = Folder.File("b");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [serverSocket, clientSocket], Mergeable = true });
        QemuGuest server = await StartGuestAsync(new() { Name = "server", Nics = [new GuestNic(serverSocket, "52:54:00:00:00:01")] });
        QemuGuest client = await StartGuestAsync(new()
        {
            Name = "client",
            Nics = [new GuestNic(clientSocket, "52:54:00:00:00:02") { Properties = properties }],
            MaxMemoryMiB = 1024,
            HasMonitor = true,
        });
        await server.WaitForBootAsync();
        await server.SetAddressAsync($"{ServerAddress}/24");
        string hash = await GuestTransfer.ServeAsync(server, FileBytes);
        await client.WaitForBootAsync();
        await client.SetAddressAsync($"{ClientAddress}/24");
        await client.WaitForPingAsync(ServerAddress);
        SwitchStatus.Port port = (await vhostSwitch.StatusAsync()).PortAt(clientSocket);
        (int regions, long bytes) = (port.MemoryRegions, port.MemoryBytes);

        const string fetch = $"wget -q -O - http://{ServerAddress}/file | sha256sum";
        await client.CheckAsync($"(while [ ! -e /tmp/enough ]; do {fetch}; done >/tmp/hashes; touch /tmp/end) >/dev/null 2>&1 &");
        await WaitForStreamAsync(vhostSwitch, clientSocket);

        // The kernel prefers this memory for its own: the driver's next receive buffers lie in it.
        await AddModuleAsync(client, "stays", "online_kernel");
        await WaitForMemoryAsync(vhostSwitch, clientSocket, regions + 1, bytes + ModuleMiB * MiB);
        await WaitForStreamAsync(vhostSwitch, clientSocket);
        for (int round = 0; round < Rounds; round++)
        {
            // Memory that the guest can give back again.
            await AddModuleAsync(client, "goes", "online_movable");
            await WaitForMemoryAsync(vhostSwitch, clientSocket, regions + 2, bytes + 2 * ModuleMiB * MiB);
            await WaitForStreamAsync(vhostSwitch, clientSocket);
            await RemoveModuleAsync(client, "goes");
            await WaitForMemoryAsync(vhostSwitch, clientSocket, regions + 1, bytes + ModuleMiB * MiB);
            await WaitForStreamAsync(vhostSwitch, clientSocket);
        }

        await client.CheckAsync("touch /tmp/enough; until [ -e /tmp/end ]; do sleep 0.2; done", GuestTransfer.LimitFor(FileBytes));
        string[] hashes = (await client.CheckAsync("cat /tmp/hashes")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(hashes);
        Assert.All(hashes, arrived => Assert.StartsWith(hash, arrived));
        Assert.Equal(hash, await GuestTransfer.FetchAsync(client, ServerAddress, FileBytes));
    }

    private static async Task AddModuleAsync(QemuGuest guest, string name, string use)
    {
        string total = "sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo";
        long before = long.Parse(await guest.CheckAsync($"echo {use} >/sys/devices/system/memory/auto_online_blocks; {total}"));
        await guest.Monitor.ExecuteAsync("object-add", new JsonObject
        {
            ["qom-type"] = "memory-backend-memfd",
            ["id"] = $"{name}-memory",
            ["size"] = ModuleMiB * MiB,
            ["share"] = true,
        });
        await guest.Monitor.ExecuteAsync("device_add", new JsonObject { ["driver"] = "pc-dimm", ["id"] = name, ["memdev"] = $"{name}-memory" });
        // The kernel keeps a part of it for its tables.
        await guest.CheckAsync($"until [ $({total}) -gt {before + ModuleMiB * 1024 / 2} ]; do sleep 0.2; done");
    }

    private static async Task RemoveModuleAsync(QemuGuest guest, string name)
    {
        int from = guest.Monitor.Transcript.Length;
        await guest.Monitor.ExecuteAsync("device_del", new JsonObject { ["id"] = name });
        await guest.Monitor.WaitForEventAsync("DEVICE_DELETED", Release, from);
        await guest.Monitor.ExecuteAsync("object-del", new JsonObject { ["id"] = $"{name}-memory" });
    }

    private static Task WaitForMemoryAsync(SwitchProcess vhostSwitch, string socket, int regions, long bytes) => vhostSwitch.WaitForStatusAsync(
        status => status.PortAt(socket) is var port && port.MemoryRegions == regions && port.MemoryBytes == bytes,
        $"{regions} regions of {bytes} bytes at {socket}");

    private static async Task WaitForStreamAsync(SwitchProcess vhostSwitch, string socket)
    {
        long before = (await vhostSwitch.StatusAsync()).PortAt(socket).FramesToGuest;
        await vhostSwitch.WaitForStatusAsync(status => status.PortAt(socket).FramesToGuest > before + EnoughData, "the stream goes on");
    }
}
