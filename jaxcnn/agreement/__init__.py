from jaxcnn.agreement.check import check
