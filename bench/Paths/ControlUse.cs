using VhostSwitch.Control.Unixctl;
using VhostSwitch.Packets;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// Somebody who uses a switch's control plane: asks for its state as tools do, ten times a second in several ways, each time on a connection of its own,
/// and has a guest connect and leave again.
/// </summary>
internal sealed class ControlUse : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(0.1), GuestStays = TimeSpan.FromSeconds(2);
    private static readonly (string Name, string[] Arguments)[] Commands =
        [("show", ["--json"]), ("dpif-netdev/pmd-stats-show", []), ("fdb/show", []), ("fdb/show", ["--json"])];

    private readonly CancellationTokenSource _end = new();
    private readonly Task _asking, _visiting;

    /// <summary>Begins.</summary>
    /// <param name="control">The control socket.</param>
    /// <param name="socket">Where the guest connects to.</param>
    public ControlUse(string control, string socket)
    {
        _asking = Task.Run(() => AskAsync(control));
        _visiting = Task.Run(() => VisitAsync(socket));
    }

    /// <summary>What it does, in words.</summary>
    public static string What { get; } =
        $"{1 / Pace.TotalSeconds:0} times a second, in turn: {string.Join(", ", Commands.Select(c => string.Join(' ', [c.Name, .. c.Arguments])))}; "
        + $"a guest connects, and leaves after {GuestStays.TotalSeconds:0} s, again and again";

    /// <summary>Ends it; throws what went wrong meanwhile.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _asking;
        await _visiting;
        _end.Dispose();
    }

    private async Task AskAsync(string control)
    {
        using var timer = new PeriodicTimer(Pace);
        for (int i = 0; !_end.IsCancellationRequested; i++)
        {
            var (name, arguments) = Commands[i % Commands.Length];
            using (var client = await UnixctlClient.ConnectAsync(control))
                await client.CallAsync(name, arguments);
            await timer.WaitForNextTickAsync();
        }
    }

    private async Task VisitAsync(string socket)
    {
        while (!_end.IsCancellationRequested)
        {
            using (var port = new VirtioUserPort(new VirtioUserOptions { Path = socket, Mac = MacAddress.Parse("02:00:00:09:00:00") }))
            {
                port.Start();
                await Task.Delay(GuestStays, _end.Token).ContinueWith(_ => { }, TaskScheduler.Default);
            }
            await Task.Delay(GuestStays, _end.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }
}
