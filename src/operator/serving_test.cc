#include "operator/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/detail/serving_pod.h"
#include "operator/serving_fixture.h"

namespace rage::op {
namespace {

using testing::HasSubstr;

Json pod_annotation(Json& document, const char* key, const char* value) {
  document["metadata"]["annotations"][key] = value;
  return document;
}

ServingFixture on_cpu(std::string_view preset) {
  ServingFixture fixture =
      a_workspace(preset, [](Json& d) { pod_annotation(d, "kaito.sh/runtime", "llamacpp"); }, "");
  return fixture;
}

std::vector<std::string> names(const Json& list) {
  std::vector<std::string> all;
  for (const Json& item : list) all.push_back(codec::string_or(item, "name", "?"));
  return all;
}

TEST(StatefulSet, IsTheOneUpstreamMakes) {
  ServingFixture fixture = a_workspace("phi-4", [](Json& d) {
    d["metadata"]["labels"] = {{"inferenceset.kaito.sh/created-by", "chat"}, {"team", "x"}};
  });
  fixture.nodes = 2;
  const Json set = fixture.stateful_set();
  const Json labels = {{"kaito.sh/workspace", "ws"}, {"inferenceset.kaito.sh/created-by", "chat"}};
  EXPECT_EQ(set["metadata"]["annotations"], Json({{"workspace.kaito.io/revision", "1"}}));
  EXPECT_EQ(set["metadata"]["ownerReferences"][0]["uid"], "uid-1");
  EXPECT_FALSE(set["metadata"].contains("labels"));
  EXPECT_EQ(set["spec"]["replicas"], 2);
  EXPECT_EQ(set["spec"]["serviceName"], "ws-headless");
  EXPECT_EQ(set["spec"]["podManagementPolicy"], "Parallel");
  EXPECT_EQ(set["spec"]["selector"]["matchLabels"], labels);
  EXPECT_EQ(set["spec"]["template"]["metadata"]["labels"], labels);
  EXPECT_EQ(set["spec"]["persistentVolumeClaimRetentionPolicy"],
            Json({{"whenDeleted", "Delete"}, {"whenScaled", "Retain"}}));
}

TEST(StatefulSet, AsksForWholeGpusSlicesOrAPart) {
  const auto amount = [](const char* resource, const char* count) {
    const Json each = {{resource, count}};
    return Json({{"limits", each}, {"requests", each}});
  };
  ServingFixture fixture = a_workspace("phi-4", {}, "Standard_NC96ads_A100_v4");
  EXPECT_EQ(fixture.container()["resources"], amount("nvidia.com/gpu", "4"));
  fixture.workspace.resource.partition =
      apis::Partition{.mode = apis::PartitionMode::kAccelerator, .profile = "", .count = 2};
  EXPECT_EQ(fixture.container()["resources"], amount("nvidia.com/gpu", "2"));
  fixture.gpu = catalog::mig_capacity("3g.40gb").value();
  EXPECT_EQ(fixture.container()["resources"], amount("nvidia.com/mig-3g.40gb", "1"));
  EXPECT_EQ(fixture.pod()["tolerations"].back(),
            Json({{"key", "nvidia.com/mig-3g.40gb"}, {"operator", "Exists"}}));
}

// Spot taints are Azure's; elsewhere the toleration would be noise.
TEST(StatefulSet, ToleratesSpotNodesOnAzureOnly) {
  ServingFixture fixture = a_workspace("phi-4");
  EXPECT_EQ(fixture.pod()["tolerations"].size(), 3U);
  fixture.settings.cloud = catalog::Cloud::kAws;
  EXPECT_EQ(fixture.pod()["tolerations"].size(), 2U);
}

TEST(StatefulSet, NeverAsksForTheOperatorsOwnLabels) {
  apis::LabelSelector selector;
  selector.match_labels = {{"apps", "x"}, {"kaito.sh/workspace", "other"}};
  selector.match_expressions = {{.key = "zone", .op = "In", .values = {"a"}}};
  EXPECT_EQ(sanitized_selector(selector), (apis::StringMap{{"apps", "x"}, {"zone", "a"}}));
  selector.match_expressions[0].op = "Exists";
  selector.match_expressions[0].values.clear();
  EXPECT_EQ(sanitized_selector(selector), (apis::StringMap{{"apps", "x"}}));
}

TEST(StatefulSet, KeepsWeightsOnTheNodesDiskWhereItCan) {
  ServingFixture fixture = a_workspace("phi-4");
  EXPECT_FALSE(fixture.stateful_set()["spec"].contains("volumeClaimTemplates"));
  fixture.nvme_class_exists = true;
  const Json set = fixture.stateful_set();
  const Json& claim = set["spec"]["volumeClaimTemplates"][0];
  EXPECT_EQ(claim["spec"]["resources"]["requests"]["storage"], "107Gi");
  EXPECT_EQ(names(set["spec"]["template"]["spec"]["volumes"]), std::vector<std::string>{"dshm"});
  fixture.gpu.nvme = false;
  EXPECT_FALSE(fixture.stateful_set()["spec"].contains("volumeClaimTemplates"));
}

TEST(StatefulSet, SaysWhyItCannotServe) {
  const auto refusal = [](const ServingFixture& fixture) {
    const auto set = render_stateful_set(fixture.request(), nullptr);
    return set ? std::string("served") : set.error().message;
  };
  EXPECT_THAT(refusal(a_workspace("no-such-model")), HasSubstr("'no-such-model' is not known"));
  EXPECT_THAT(refusal(a_workspace("phi-4", {}, "")), HasSubstr("no GPU is known"));
  EXPECT_THAT(refusal(on_cpu("no-such-model")), HasSubstr("is not known"));
  EXPECT_THAT(
      refusal(a_workspace("phi-4-mini-instruct",
                          [](Json& d) { pod_annotation(d, "kaito.sh/runtime", "transformers"); })),
      HasSubstr("cannot be served by the transformers runtime"));
}

struct BadAdapter {
  Json adapter;
  const char* complaint;
};

TEST(Adapters, AreCheckedBeforeTheyNameThings) {
  const BadAdapter cases[] = {
      {{{"strength", "1"}}, "source is missing"},
      {{{"source", {{"name", "a/../b"}, {"image", "i"}}}}, "no DNS subdomain"},
      {{{"source", {{"name", ""}, {"image", "i"}}}}, "no DNS subdomain"},
      {{{"source", {{"name", std::string(60, 'a')}, {"image", "i"}}}}, "at most 56"},
      {{{"source", {{"name", "a"}}}}, "needs an image or a volumeSource"},
      {{{"strength", "0.5"}, {"source", {{"name", "4bit"}, {"image", "i"}}}},
       "begins with a digit"},
  };
  for (const BadAdapter& test : cases) {
    const ServingFixture fixture = a_workspace(
        "phi-4", [&](Json& d) { d["inference"]["adapters"] = Json::array({test.adapter}); });
    const auto set = render_stateful_set(fixture.request(), nullptr);
    ASSERT_FALSE(set) << test.complaint;
    EXPECT_THAT(set.error().message, HasSubstr(test.complaint));
    EXPECT_THAT(set.error().message, HasSubstr("inference.adapters[0]"));
  }
}

TEST(Probes, GiveLargeModelsTimeToLoad) {
  constexpr std::uint64_t kGib = 1ULL << 30;
  EXPECT_EQ(detail::startup_failures_max(0), 180);
  EXPECT_EQ(detail::startup_failures_max(54868207207), 182);
  EXPECT_EQ(detail::startup_failures_max(141111150511), 327);
  EXPECT_EQ(detail::startup_failures_max(5000 * kGib), 1080);
}

TEST(Probes, MeasureTheModelUnlessToldNotTo) {
  const Json benchmark = a_workspace("phi-4").container()["startupProbe"];
  EXPECT_EQ(benchmark["exec"]["command"],
            Json::array({"python3", "/workspace/vllm/benchmark_entrypoint.py"}));
  EXPECT_EQ(benchmark["timeoutSeconds"], 600);
  EXPECT_EQ(benchmark["failureThreshold"], 180);
  const auto startup = [](const char* value) {
    return a_workspace("phi-4",
                       [&](Json& d) { pod_annotation(d, "kaito.sh/disable-benchmark", value); })
        .container()["startupProbe"];
  };
  EXPECT_EQ(startup("true"), Json({{"httpGet", {{"path", "/health"}, {"port", 5000}}},
                                   {"periodSeconds", 10},
                                   {"failureThreshold", 180}}));
  EXPECT_EQ(startup("True"), benchmark);
}

TEST(Probes, AskTheLeaderOfSeveralNodes) {
  ServingFixture fixture = a_workspace("llama-3.3-70b-instruct");
  fixture.nodes = 3;
  const Json container = fixture.container();
  EXPECT_EQ(container["livenessProbe"]["exec"]["command"].back(), "--ray-port=6379");
  EXPECT_EQ(container["livenessProbe"]["terminationGracePeriodSeconds"], 1);
  EXPECT_EQ(container["readinessProbe"]["exec"]["command"].back(), "--vllm-port=5000");
  EXPECT_THAT(container["startupProbe"]["exec"]["command"].back().get<std::string>(),
              HasSubstr("POD_INDEX"));
  EXPECT_EQ(container["env"].back()["name"], "POD_INDEX");
}

TEST(Services, SendRequestsToPodZeroOnly) {
  const std::vector<Json> services = render_services(a_workspace("phi-4").request());
  ASSERT_EQ(services.size(), 2U);
  EXPECT_EQ(services[0]["spec"]["selector"],
            Json({{"kaito.sh/workspace", "ws"}, {"statefulset.kubernetes.io/pod-name", "ws-0"}}));
  EXPECT_EQ(names(services[0]["spec"]["ports"]),
            (std::vector<std::string>{"http", "ray", "dashboard", "kv-events"}));
  EXPECT_EQ(services[0]["spec"]["ports"][0]["targetPort"], 5000);
  EXPECT_EQ(services[1]["metadata"]["name"], "ws-headless");
  EXPECT_EQ(services[1]["spec"]["clusterIP"], "None");
}

// Cache events are unauthenticated: they must not leave the cluster.
TEST(Services, PublishNoCacheEventsThroughALoadBalancer) {
  const auto of = [](const char* key, const char* value) {
    return render_services(
        a_workspace("phi-4", [&](Json& d) { pod_annotation(d, key, value); }).request())[0]["spec"];
  };
  EXPECT_EQ(of("kaito.sh/enablelb", "True")["type"], "LoadBalancer");
  EXPECT_EQ(of("kaito.sh/enablelb", "True")["ports"].size(), 3U);
  EXPECT_EQ(of("kaito.sh/enablelb", "true")["type"], "ClusterIP");
  EXPECT_EQ(of("kaito.sh/runtime", "transformers")["ports"].size(), 3U);
  EXPECT_EQ(of("kaito.sh/runtime", "llamacpp")["ports"].size(), 1U);
}

TEST(LlamaCpp, RunsWithoutAGpuOrPrivileges) {
  const Json pod = on_cpu("smollm2-135m-instruct").pod();
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["resources"], Json({{"requests", {{"cpu", "1"}, {"memory", "1024Mi"}}}}));
  EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"], true);
  EXPECT_EQ(container["startupProbe"]["httpGet"]["path"], "/health");
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  const auto adapters = render_stateful_set(
      a_workspace("phi-4",
                  [](Json& d) {
                    pod_annotation(d, "kaito.sh/runtime", "llamacpp");
                    d["inference"]["adapters"] =
                        Json::array({{{"source", {{"name", "a"}, {"image", "i"}}}}});
                  })
          .request(),
      nullptr);
  EXPECT_FALSE(adapters);
}

// Three replicas of a small model must fit on a small node.
TEST(LlamaCpp, RequestsAndContextFollowTheAnnotations) {
  const auto annotated_with = [](const char* key, const char* value) {
    return a_workspace("smollm2-135m-instruct", [&](Json& d) {
      pod_annotation(d, "kaito.sh/runtime", "llamacpp");
      pod_annotation(d, key, value);
    });
  };
  const auto small = annotated_with("rage.dev/cpu-request", "250m");
  EXPECT_EQ(small.container()["resources"]["requests"]["cpu"], "250m");
  const Json command = annotated_with("rage.dev/context-tokens", "2048").container()["command"];
  EXPECT_EQ(command.back(), "2048");
  for (const char* bad : {"", "lots", "m", "-1", "1.5m", "1.2.3", ".5", "1 "}) {
    const auto set =
        render_stateful_set(annotated_with("rage.dev/cpu-request", bad).request(), nullptr);
    EXPECT_EQ(set.has_value(), std::string_view(bad).empty()) << bad;
  }
  for (const char* bad : {"255", "1048577", "2k", "-4096", "99999999999"}) {
    EXPECT_FALSE(
        render_stateful_set(annotated_with("rage.dev/context-tokens", bad).request(), nullptr))
        << bad;
  }
}

// Edits of the spec used to change a part of the pod only: an adapter was mounted, not enabled.
TEST(Update, CarriesEveryPartOfAnEdit) {
  const Json before = a_workspace("phi-4").stateful_set();
  ServingFixture edited = a_workspace(
      "phi-4",
      [](Json& d) {
        d["inference"]["config"] = "tuned";
        d["inference"]["adapters"] =
            Json::array({{{"source", {{"name", "law"}, {"image", "r.io/law:1"}}}}});
      },
      "Standard_NC96ads_A100_v4");
  edited.revision = "2";
  edited.settings.base_image_tag = "0.6.0";
  const Json updated = edited.stateful_set(before);
  const Json anew = edited.stateful_set();
  EXPECT_EQ(updated["metadata"], anew["metadata"]);
  EXPECT_EQ(updated["spec"]["replicas"], anew["spec"]["replicas"]);
  EXPECT_EQ(updated["spec"]["template"], anew["spec"]["template"]);
}

TEST(Update, KeepsWhatCannotChange) {
  ServingFixture fixture = a_workspace("phi-4");
  fixture.nvme_class_exists = true;
  const Json with_claim = fixture.stateful_set();
  Json observed = with_claim;
  observed["spec"].erase("podManagementPolicy");
  observed["spec"]["serviceName"] = "other";
  observed["spec"]["selector"]["matchLabels"]["extra"] = "1";
  observed["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = "1Gi";

  ServingFixture later = a_workspace("phi-4");  // The storage class is gone.
  const Json set = later.stateful_set(observed);
  EXPECT_FALSE(set["spec"].contains("podManagementPolicy"));
  for (const char* key : {"serviceName", "selector", "volumeClaimTemplates"})
    EXPECT_EQ(set["spec"][key], observed["spec"][key]) << key;
  EXPECT_EQ(set["spec"]["template"]["metadata"]["labels"]["extra"], "1");
  EXPECT_EQ(set["spec"]["template"]["spec"]["volumes"],
            with_claim["spec"]["template"]["spec"]["volumes"]);

  // The class appears later: pods without the claim go on with an emptyDir.
  fixture.nvme_class_exists = true;
  const Json without = fixture.stateful_set(later.stateful_set());
  EXPECT_FALSE(without["spec"].contains("volumeClaimTemplates"));
  EXPECT_EQ(without["spec"]["template"]["spec"]["volumes"][0]["name"], "model-weights-volume");
}

// Taking over a cluster must not restart models that take half an hour to load.
TEST(Update, RestartsNoPodThatUpstreamMade) {
  ServingFixture fixture = a_workspace("phi-4", [](Json& d) {
    d["resource"]["labelSelector"]["matchLabels"] = {{"apps", "x"}, {"zone", "a"}};
    d["inference"]["adapters"] =
        Json::array({{{"source", {{"name", "law"}, {"image", "r.io/law:1"}}}}});
    d["inference"]["config"] = "tuned";
  });
  Json observed = fixture.stateful_set();
  Json& pod = observed["spec"]["template"]["spec"];
  pod["containers"][0]["command"][2] =
      "python3 /workspace/vllm/inference_api.py --dtype=bfloat16 --trust-remote-code"
      " --max-model-len=auto --gpu-memory-utilization=0.84 --enable-lora"
      " --compilation-config.pass_config.fuse_allreduce_rms=False"
      " --kv-events-config='{\"enable_kv_cache_events\":true}' --tensor-parallel-size=1"
      " --model=microsoft/phi-4 --download-dir=/workspace/weights --config_format=auto"
      " --kaito-config-file=/mnt/config/inference_config.yaml --load_format=auto"
      " --served-model-name=phi-4 --tokenizer_mode=auto";
  pod["initContainers"][0]["command"][2] = "another script";
  pod["containers"][0]["startupProbe"]["exec"]["command"] =
      Json::array({"/bin/sh", "-c", "python3 /workspace/vllm/benchmark_entrypoint.py"});
  Json& terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                   ["nodeSelectorTerms"];
  std::swap(terms[0]["matchExpressions"][0], terms[0]["matchExpressions"][1]);
  fixture.config_hash = "abc";

  const Json wanted = fixture.stateful_set(observed);
  EXPECT_EQ(codec::render_json_pretty(wanted["spec"]["template"]),
            codec::render_json_pretty(observed["spec"]["template"]));
  EXPECT_FALSE(needs_apply(wanted["spec"]["template"], observed["spec"]["template"]));

  fixture.revision = "2";
  const Json next = fixture.stateful_set(observed);
  EXPECT_NE(next["spec"]["template"]["spec"]["initContainers"], pod["initContainers"]);
  EXPECT_EQ(next["spec"]["template"]["spec"]["containers"][0]["command"],
            pod["containers"][0]["command"]);
}

// An edited ConfigMap reaches the pods; one that disappears for a moment does not restart them.
TEST(Update, RestartsPodsWhenTheirConfigChanges) {
  const auto in_pods = [](const Json& set) {
    const Json& metadata = set["spec"]["template"]["metadata"];
    return metadata.contains("annotations")
               ? codec::string_or(metadata["annotations"], "rage.dev/config-hash", "")
               : std::string();
  };
  ServingFixture fixture =
      a_workspace("phi-4", [](Json& d) { d["inference"]["config"] = "tuned"; });
  const Json upstream = fixture.stateful_set();
  fixture.config_hash = "a";
  EXPECT_EQ(in_pods(fixture.stateful_set()), "a");

  const Json adopted = fixture.stateful_set(upstream);
  EXPECT_EQ(in_pods(adopted), "");
  EXPECT_EQ(in_pods(fixture.stateful_set(adopted)), "");
  fixture.config_hash = "b";
  const Json changed = fixture.stateful_set(adopted);
  EXPECT_EQ(in_pods(changed), "b");
  EXPECT_EQ(in_pods(fixture.stateful_set(changed)), "b");
  fixture.config_hash = "";
  EXPECT_EQ(in_pods(fixture.stateful_set(changed)), "b");
}

ServingFixture from_template(Json pod_template) {
  return a_workspace("", [&](Json& d) { d["inference"]["template"] = std::move(pod_template); });
}

Json required_terms(const Json& pod) {
  return pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            ["nodeSelectorTerms"];
}

// The user's alternatives all stay, and each is narrowed to the Workspace's nodes.
TEST(Template, NarrowsTheUsersAffinity) {
  const Json zone = {{"key", "zone"}, {"operator", "In"}, {"values", Json::array({"a"})}};
  const Json arch = {{"key", "arch"}, {"operator", "Exists"}};
  const Json ours = {{"key", "apps"}, {"operator", "In"}, {"values", Json::array({"ws"})}};
  Json pod_template = Json::parse(R"({"spec": {"containers": [{"name": "c", "image": "i"}]}})");
  EXPECT_EQ(required_terms(from_template(pod_template).pod()),
            Json::array({{{"matchExpressions", Json::array({ours})}}}));

  Json& affinity = pod_template["spec"]["affinity"];
  affinity["podAntiAffinity"] = {{"x", 1}};
  affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] =
      Json::array({{{"matchExpressions", Json::array({zone})}},
                   {{"matchExpressions", Json::array({arch})}},
                   Json::object()});
  const Json pod = from_template(pod_template).pod();
  EXPECT_EQ(required_terms(pod), Json::array({{{"matchExpressions", Json::array({zone, ours})}},
                                              {{"matchExpressions", Json::array({arch, ours})}},
                                              Json::object()}));
  EXPECT_EQ(pod["affinity"]["podAntiAffinity"], Json({{"x", 1}}));
}

TEST(Template, KeepsWhatIsTheUsersAndRollsOutEdits) {
  Json pod_template = Json::parse(R"({
    "metadata": {"creationTimestamp": null, "labels": {"app": "mine", "kaito.sh/workspace": "no"}},
    "spec": {"containers": [{"name": "c", "image": "i:1", "securityContext": {"runAsUser": 7}}],
             "tolerations": [{"key": "mine", "operator": "Exists"}]}})");
  const Json before = from_template(pod_template).stateful_set();
  EXPECT_EQ(before["spec"]["template"]["metadata"],
            Json::parse(R"({"labels": {"app": "mine", "kaito.sh/workspace": "ws"}})"));
  EXPECT_EQ(before["spec"]["template"]["spec"]["tolerations"].size(), 4U);
  EXPECT_EQ(before["spec"]["template"]["spec"]["containers"], pod_template["spec"]["containers"]);
  EXPECT_EQ(before["spec"]["serviceName"], "ws-headless");

  pod_template["spec"]["containers"][0]["image"] = "i:2";
  EXPECT_EQ(from_template(pod_template).pod(before)["containers"][0]["image"], "i:2");
  for (const char* bad : {R"({})", R"({"spec": {}})", R"({"spec": {"containers": []}})"}) {
    EXPECT_FALSE(render_stateful_set(from_template(Json::parse(bad)).request(), nullptr)) << bad;
  }
}

ServingFixture tuning(const std::function<void(Json&)>& edit = {}, const char* preset = "phi-4") {
  return ServingFixture(workspace_document("tune", "", [&](Json& d) {
    d["tuning"] = {{"preset", {{"name", preset}}}, {"method", "QLoRA"}};
    d["tuning"]["input"]["urls"] = Json::array({"https://e.org/a.parquet?download=true"});
    d["tuning"]["output"] = {{"image", "r.io/out:1"}, {"imagePushSecret", "push"}};
    if (edit) edit(d["tuning"]);
  }));
}

TEST(Tuning, NamesTheModelsThatCanBeTuned) {
  const auto job = render_tuning_job(tuning({}, "google/gemma-3-27b-it").request());
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(job.error().message, HasSubstr("'google/gemma-3-27b-it' cannot be tuned"));
  EXPECT_THAT(job.error().message, HasSubstr("microsoft/phi-4, microsoft/Phi-4-mini-instruct"));
}

TEST(Tuning, RefusesWhatCannotRun) {
  const std::function<void(Json&)> edits[] = {
      [](Json& t) { t["method"] = "full"; },
      [](Json& t) { t["input"] = Json::object(); },
      [](Json& t) { t["output"] = Json::object(); },
  };
  for (const auto& edit : edits) EXPECT_FALSE(render_tuning_job(tuning(edit).request()));
  for (const char* directory : {"/etc", "/mnt", "/mnt/../etc", "/mnt/data/", "/mnt/config"}) {
    ServingFixture fixture = tuning();
    fixture.tuning_output_dir = directory;
    EXPECT_FALSE(render_tuning_job(fixture.request())) << directory;
  }
}

TEST(Tuning, FindsItsConfigAndResults) {
  const auto results = [](const ServingFixture& fixture) {
    const auto job = render_tuning_job(fixture.request());
    EXPECT_TRUE(job) << job.error().message;
    const Json& pod = (*job)["spec"]["template"]["spec"];
    return codec::string_or(pod["containers"][0]["volumeMounts"][3], "mountPath", "") + " " +
           codec::string_or(pod["volumes"][2]["configMap"], "name", "");
  };
  EXPECT_EQ(results(tuning()), "/mnt/results qlora-params-template");
  ServingFixture own = tuning([](Json& t) { t["config"] = "mine"; });
  EXPECT_EQ(results(own), "/mnt/output mine");
  own.tuning_output_dir = "/mnt/here/";
  EXPECT_EQ(results(own), "/mnt/here mine");
}

TEST(Tuning, TellsPhi3WhereToTune) {
  const auto environment = [](const char* preset) {
    const auto job = render_tuning_job(tuning({}, preset).request());
    return names((*job)["spec"]["template"]["spec"]["containers"][0]["env"]);
  };
  EXPECT_EQ(environment("phi-3-mini-4k-instruct"),
            (std::vector<std::string>{"DEFAULT_TARGET_MODULES", "PYTORCH_CUDA_ALLOC_CONF"}));
  EXPECT_EQ(environment("phi-4"), std::vector<std::string>{"PYTORCH_CUDA_ALLOC_CONF"});
}

}  // namespace
}  // namespace rage::op
