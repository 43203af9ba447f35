using System.Runtime;
using VhostSwitch.Control.Show;

namespace VhostSwitch.Program;

/// <summary>
/// When garbage is collected. A collection stops every thread, those that poll as well, and these make no garbage: all there is comes from the control
/// plane. So the runtime is told to collect nothing until much has come together, and before it does, a moment is used in which all poll threads sleep
/// and nobody sends. Belongs to the control thread.
/// </summary>
public sealed class CollectionBudget : IDisposable
{
    // An hour of somebody who asks ten times a second. The kernel gives this memory page by page, as garbage fills it.
    private const long Most = 512L << 20;

    // Where there is little memory, so much of it.
    private const long ShareOfMemory = 16;

    // So much of it is worth a collection that disturbs nobody; and so much is left when one must be made in any case.
    private const long Part = 16;

    private readonly long _bytes = Math.Min(Most, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / ShareOfMemory);
    private readonly int _firstCollections;
    private readonly TimeSpan _firstPauses;
    private long _from;
    private ulong _framesBefore;
    private bool _isRefused;

    /// <summary>Collects once, now: before anyone polls.</summary>
    public CollectionBudget()
    {
        Begin();
        (_firstCollections, _firstPauses) = (GC.CollectionCount(0), GC.GetTotalPauseDuration());
    }

    /// <summary>Collections since it was made.</summary>
    public int Count => GC.CollectionCount(0) - _firstCollections;

    /// <summary>What the runtime has done since it was made.</summary>
    public RuntimeSnapshot Snapshot() => new(Count, (long)(GC.GetTotalPauseDuration() - _firstPauses).TotalMicroseconds, GC.GetTotalAllocatedBytes());

    /// <summary>Looks whether it is time to collect. Once a second is enough.</summary>
    /// <param name="allSleep">Every poll thread sleeps at this moment.</param>
    /// <param name="frames">How many frames they have taken in: a thread may sleep between two frames, and is not to be stopped there.</param>
    public void Look(bool allSleep, ulong frames)
    {
        bool isQuiet = allSleep && frames == _framesBefore;
        _framesBefore = frames;
        if (_isRefused) return;
        long used = GC.GetTotalAllocatedBytes() - _from;
        long enough = isQuiet ? _bytes / Part : _bytes - (_bytes / Part);
        if (used >= enough || !IsOn) Begin();
    }

    /// <summary>From now on the runtime collects as it likes.</summary>
    public void Dispose()
    {
        if (IsOn) End();
    }

    private static bool IsOn => GCSettings.LatencyMode == GCLatencyMode.NoGCRegion;

    // To begin is to collect.
    private void Begin()
    {
        if (IsOn) End();
        _from = GC.GetTotalAllocatedBytes();
        // Without the memory for it the runtime goes on as ever. Asking again would be a collection each time.
        _isRefused = !GC.TryStartNoGCRegion(_bytes);
    }

    private static void End()
    {
        try
        {
            GC.EndNoGCRegion();
        }
        catch (InvalidOperationException)
        {
            // Another thread has used up the rest since the question whether it is on: it has ended by itself.
        }
    }
}
