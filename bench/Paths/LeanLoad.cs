using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>Our own driver as both guests on one thread, as many frames in flight as the window allows, numbered and checked.</summary>
internal sealed class LeanLoad() : Load(
    "lean guests",
    "two virtio-net drivers on one thread, a window of frames in flight each way (128 unless told), two memory regions a guest, " +
    "each frame's number, addresses and length checked, each 1024th byte for byte")
{
    public override async Task<LoadResult> RunAsync(TestFolder folder, (string First, string Second) sockets, Settings settings, Func<Task> inspect)
    {
        using var pair = await LeanPair.StartAsync(sockets, settings, LoadCore);
        await pair.SendAsync(new Traffic(null, SecondSends: !settings.OneWay));
        await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
        var flow = await pair.MeasureAsync(TimeSpan.FromSeconds(settings.Seconds));
        await inspect();
        await pair.EndAsync();
        return new LoadResult(flow.Mpps, flow.GuestsBusy, pair.Lost, pair.Changed);
    }
}
