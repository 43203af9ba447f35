using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Interop;

/// <summary>
/// Two guests that are booted once for many tests. They have a device for each kind of ring; device i of one and device i of the
/// other are of different kinds and share an IP network of their own, 10.0.i.0/24.
/// </summary>
public sealed class ManyNicGuests : InteropTest
{
    private const int Megabyte = 1_000_000;

    /// <summary>The size of the file that the first guest serves.</summary>
    public static int FileBytes { get; } = (FullRun.Requested ? 100 : 10) * Megabyte;

    /// <summary>The kinds of the first guest's devices.</summary>
    public static IReadOnlyList<RingKind> Kinds { get; } = FullRun.Requested ? RingKind.All : RingKind.Pairwise;

    internal SwitchProcess Switch { get; private set; } = null!;

    internal QemuGuest First { get; private set; } = null!;

    internal QemuGuest Second { get; private set; } = null!;

    /// <summary>The hash of the file, as the first guest has it.</summary>
    internal string FileHash { get; private set; } = "";

    /// <summary>The kind of the second guest's device in a network: another one than the first guest's, and each of them once.</summary>
    public static RingKind KindOfSecond(int network) => Kinds[(network + 1) % Kinds.Count];

    /// <inheritdoc/>
    public override async ValueTask InitializeAsync()
    {
        int[] networks = [.. Enumerable.Range(0, Kinds.Count)];
        // With offloads, a frame is in many pieces: chains and tables of descriptors.
        Switch = await StartSwitchAsync(new()
        {
            Sockets = [.. networks.Select(SocketOfFirst), .. networks.Select(SocketOfSecond)],
            Mergeable = true,
            TxChecksum = true,
            Tso = true,
        });
        First = await StartGuestAsync(Guest("first", [.. networks.Select(i => Nic(SocketOfFirst(i), 1, i, Kinds[i]))]));
        Second = await StartGuestAsync(Guest("second", [.. networks.Select(i => Nic(SocketOfSecond(i), 2, i, KindOfSecond(i)))]));
        await BringUpAsync(First, 1);
        await BringUpAsync(Second, 2);
        FileHash = await GuestTransfer.ServeAsync(First, FileBytes);
    }

    internal string SocketOfFirst(int network) => Folder.File($"a{network}");

    internal string SocketOfSecond(int network) => Folder.File($"b{network}");

    /// <summary>Writes what everybody said into the running test's output.</summary>
    internal new void ShowTranscripts() => base.ShowTranscripts();

    private static GuestNic Nic(string socket, int guest, int network, RingKind kind) =>
        new(socket, $"52:54:00:00:0{guest}:{network:x2}") { Properties = kind.Properties, QueuePairs = kind.QueuePairs };

    private static QemuGuestOptions Guest(string name, IReadOnlyList<GuestNic> nics) => new()
    {
        Name = name,
        Nics = nics,
        Cpus = RingKind.ManyQueuePairs,
        MemoryMiB = FullRun.Requested ? 512 : 256,
    };

    private static async Task BringUpAsync(QemuGuest guest, int host)
    {
        await guest.WaitForBootAsync();
        await guest.KeepNetworksApartAsync();
        for (int i = 0; i < Kinds.Count; i++)
            await guest.SetAddressAsync($"10.0.{i}.{host}/24", $"eth{i}");
    }
}
