namespace VhostSwitch.Vhost;

/// <summary>How a device asks its front-end, whatever the transport (vhost-user: SET_BACKEND_REQ_FD). Never waits.</summary>
public interface IBackEndChannel : IDisposable
{
    /// <summary>Asks for a translation of the guest's IOMMU; the answer is a request like any other.</summary>
    /// <param name="address">The address that is missing.</param>
    /// <param name="access">What the device wants to do.</param>
    /// <returns>False when the question could not be sent now.</returns>
    bool AskForTranslation(ulong address, IotlbAccess access);

    /// <summary>
    /// Called for each question that the front-end is done with, in the order of the questions, where it tells: what it could translate was
    /// updated before, and what was not is not the guest's any more.
    /// </summary>
    Action<ulong, IotlbAccess>? Concluded { get; set; }

    /// <summary>Has <paramref name="ask"/> called whenever there is something to ask for, until the channel is disposed.</summary>
    /// <param name="notes">A descriptor that is readable then; it outlives the channel.</param>
    /// <param name="ask">Asks, on the control thread.</param>
    void AskWhenReadable(int notes, Action ask);
}
